// A PostgreSQL database to be moved from or into; see store/transfer.h.
#pragma once

#include "store/transfer.h"

#include <memory>
#include <string>

namespace afterword::store::postgres {

// What is in it stays as it is, and is read as it was at this moment.
std::unique_ptr<TransferReader> open_transfer_reader(const std::string& url);

// Brings its schema up to date. One writer at a time.
std::unique_ptr<TransferWriter> open_transfer_writer(const std::string& url);

}  // namespace afterword::store::postgres
