// What may stand where in the head of a message (RFC 9110 section 5, RFC 9112 sections 3 to 5). The same rules hold for
// what is read and for what is written, so that nothing is understood here otherwise than by whoever is in front or
// behind. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace afterword::http {

// As many as common servers take.
inline constexpr std::size_t max_headers = 100;

// A method, or the name of a header.
bool is_token(std::string_view text);

// The value of a header: no control character but the tab. Bytes beyond ASCII have no meaning of their own, and pass.
bool is_header_value(std::string_view text);

// The origin form, "/path?query", or "*". Visible ASCII only, no fragment, and no dot segment in the path.
bool is_target(std::string_view text);

// The value of a Host header: a name of letters, digits, hyphens, dots and underscores, an IPv4 address, or an IPv6
// address in brackets, and perhaps a port. It may be empty. A homeserver may choose a virtual host by it, or build URLs
// with it, so there is nothing in it that ends a host for anybody.
bool is_host(std::string_view text);

// Whether a path has a segment "." or "..", however it is encoded. Proxies fold such paths, and so does Go: what one
// authorizes is then not what the other does. Browsers fold them before they send anything.
bool has_dot_segment(std::string_view path);

// Reads the bytes of a head as they arrive, up to and with its empty line, and refuses what two readers could
// understand in two ways: lines that end otherwise than with CRLF, folded lines, names that are no tokens or have a
// space behind them, control characters.
class HeadScan {
 public:
  enum class Result { incomplete, sound, malformed, too_large };

  enum class Of { request, answer };
  HeadScan(Of of, std::size_t max_bytes) : of_(of), max_bytes_(max_bytes) {}

  // `received` begins with the head, and with the same bytes at each call. Takes time for what is new only.
  Result look_at(std::string_view received);

 private:
  Result take_line(std::string_view line);

  Of of_;
  std::size_t max_bytes_;
  std::size_t line_begin_ = 0;  // of the line that has no end yet
  std::size_t seen_ = 0;        // all before this are what they may be
  std::size_t headers_ = 0;
};

}  // namespace afterword::http
