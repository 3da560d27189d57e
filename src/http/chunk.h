// How a body without a known length is written (RFC 9112 section 7.1): each piece between its line and its end, and
// then the last chunk. No extensions and no trailers.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace afterword::http {

inline std::string chunk_line(std::size_t bytes) { return fmt::format("{:x}\r\n", bytes); }
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace afterword::http
