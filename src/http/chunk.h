// How a body is written when nobody knows its length yet (RFC 9112 section 7.1): a line with its size stands before
// each piece and an empty line behind it, and the last chunk ends it. There are no extensions and no trailers.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace afterword::http {

inline constexpr std::string_view last_chunk = "0\r\n\r\n";

// A piece of a body with what stands around it. It refers to the piece.
struct FramedPiece {
  std::string before;
  std::string_view piece;
  std::string_view behind;
};

enum class Chunks { none, more_to_come, complete };
constexpr Chunks chunks_of(bool is_chunked, bool is_all) {
  if (!is_chunked) return Chunks::none;
  return is_all ? Chunks::complete : Chunks::more_to_come;
}

// Behind `head`, which may be empty. An empty piece is no chunk, for that would be the last.
inline FramedPiece frame(std::string_view head, std::string_view piece, Chunks chunks) {
  const bool is_last = chunks == Chunks::complete;
  if (chunks == Chunks::none || piece.empty()) return {std::string(head), piece, is_last ? last_chunk : ""};
  return {fmt::format("{}{:x}\r\n", head, piece.size()), piece, is_last ? "\r\n0\r\n\r\n" : "\r\n"};
}

}  // namespace afterword::http
