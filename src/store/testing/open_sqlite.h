// A SQLite store for a test. Throws std::runtime_error if it cannot be opened.
#pragma once

#include "store/sqlite/sqlite_store.h"

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

namespace afterword::store::testing {

inline std::unique_ptr<Store> open_sqlite(async::Executor executor, sqlite::Options options) {
  auto opened = sqlite::open(std::move(executor), std::move(options));
  if (opened.has_error()) throw std::runtime_error(opened.error());
  return *std::move(opened);
}

// Commits on the executor, whose time the test holds.
inline std::unique_ptr<Store> open_sqlite(async::Executor executor, const std::filesystem::path& path) {
  return open_sqlite(std::move(executor), sqlite::Options{path, CommitOn::executor, {}});
}

}  // namespace afterword::store::testing
