// What a server is like for the doctor: what keeps its commits, and how long one takes.
#pragma once

#include "base/result.h"
#include "store/durability.h"

#include <string>

namespace afterword::store::postgres {

// Blocks. The trial commits write a few bytes each to the server's log, and to no table. The error is one line for a
// person.
Result<Durability, std::string> read_durability(const std::string& url);

}  // namespace afterword::store::postgres
