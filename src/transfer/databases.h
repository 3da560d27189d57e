// Opens the two ends of a move. Throws store::TransferError.
#pragma once

#include "ops/configuration.h"
#include "store/transfer.h"

#include <memory>

namespace afterword::transfer {

std::unique_ptr<store::TransferReader> open_reader(const ops::Database& database);
std::unique_ptr<store::TransferWriter> open_writer(const ops::Database& database);

// Whether both name one database.
bool are_one(const ops::Database& from, const ops::Database& to);

}  // namespace afterword::transfer
