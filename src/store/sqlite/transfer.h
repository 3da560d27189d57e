// A SQLite file to be moved from or into; see store/transfer.h.
#pragma once

#include "store/transfer.h"

#include <filesystem>
#include <memory>

namespace afterword::store::sqlite {

// The file must be there. It stays as it is.
std::unique_ptr<TransferReader> open_transfer_reader(const std::filesystem::path& path);

// Makes it if it does not exist.
std::unique_ptr<TransferWriter> open_transfer_writer(const std::filesystem::path& path);

}  // namespace afterword::store::sqlite
