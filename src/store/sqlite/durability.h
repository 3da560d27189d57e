// What a database file is like for the doctor: what keeps its commits.
#pragma once

#include "base/result.h"
#include "store/durability.h"

#include <filesystem>
#include <string>

namespace afterword::store::sqlite {

// Of a connection as the server makes it, or, while another process has the file, what the file itself says. Blocks.
// The error is one line for a person.
Result<Durability, std::string> read_durability(const std::filesystem::path& path);

}  // namespace afterword::store::sqlite
