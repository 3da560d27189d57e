// A SQLite file to be moved from or into; see store/archive.h.
#pragma once

#include "store/archive.h"

#include <filesystem>
#include <memory>

namespace afterword::store::sqlite {

// The file must be there. It stays as it is.
std::unique_ptr<ArchiveReader> open_archive_reader(const std::filesystem::path& path);

// Makes it if it does not exist.
std::unique_ptr<ArchiveWriter> open_archive_writer(const std::filesystem::path& path);

}  // namespace afterword::store::sqlite
