// Opens the two ends of a move. Throws store::ArchiveError.
#pragma once

#include "ops/configuration.h"
#include "store/archive.h"

#include <memory>

namespace afterword::transfer {

std::unique_ptr<store::ArchiveReader> open_reader(const ops::Database& database);
std::unique_ptr<store::ArchiveWriter> open_writer(const ops::Database& database);

// Whether both name one database.
bool are_one(const ops::Database& from, const ops::Database& to);

}  // namespace afterword::transfer
