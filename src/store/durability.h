// What a database does before it says that a commit is durable.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace afterword::store {

struct Durability {
  // As it is in force, by the database's own names: journal_mode, fsync, …
  struct Setting {
    std::string name;
    std::string value;
  };
  std::vector<Setting> settings;

  // How long commits took that were tried, if any were.
  std::vector<std::chrono::microseconds> commits;
};

}  // namespace afterword::store
