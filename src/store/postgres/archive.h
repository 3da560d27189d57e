// A PostgreSQL database to be moved from or into; see store/archive.h.
#pragma once

#include "store/archive.h"

#include <memory>
#include <string>

namespace afterword::store::postgres {

// What is in it stays as it is, and is read as it was at this moment.
std::unique_ptr<ArchiveReader> open_archive_reader(const std::string& url);

// Brings its schema up to date. One writer at a time.
std::unique_ptr<ArchiveWriter> open_archive_writer(const std::string& url);

}  // namespace afterword::store::postgres
