// What the targets share: how a property fails, and how an input is cut into fields.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

namespace afterword::fuzz {

// Ends the process unless it holds, which is how a fuzzer learns of a finding.
inline void require(bool holds, std::string_view property,
                    const std::source_location& where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold: %.*s\n", where.file_name(), static_cast<unsigned>(where.line()),
               static_cast<int>(property.size()), property.data());
  std::abort();
}

// The first line of `input`, which keeps the rest. Inputs are text as far as possible, so that people can read them.
inline std::string_view take_line(std::string_view& input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

}  // namespace afterword::fuzz
