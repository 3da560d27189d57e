// Text forms of bytes: base64url, hexadecimal, percent-encoding; SHA-256, and what is made of it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace afterword {

using Sha256 = std::array<std::uint8_t, 32>;

// Thread-safe.
Sha256 sha256(std::string_view bytes);
// The same of a list of texts. Lengths keep them apart: no two lists have the same digest.
Sha256 sha256_of_list(std::initializer_list<std::string_view> texts);

// RFC 2104: proves that whoever made it knows the key.
Sha256 hmac_sha256(std::string_view key, std::string_view message);

// Whether they are the same, in a time that tells neither how far they agree nor how long they are.
bool is_same_secret(std::string_view a, std::string_view b);

// Cryptographically random bytes; throws std::runtime_error when the system has none.
void fill_random(std::span<std::uint8_t> bytes);

// RFC 4648 section 5, without padding.
std::string to_base64url(std::span<const std::uint8_t> bytes);
constexpr std::size_t base64url_size(std::size_t bytes) { return (bytes * 4 + 2) / 3; }
// The same into memory that has room for it; where the next may go.
char* to_base64url(std::span<const std::uint8_t> bytes, char* text);
std::optional<std::string> from_base64url(std::string_view text);
// Whether it is exactly as many bytes as these, which are filled with it.
bool from_base64url(std::string_view text, std::span<std::uint8_t> bytes);

// Decodes %XX once. A % without two hexadecimal digits after it stands for itself, as in Twisted: matrix-sdk writes
// none for a % in a state key. '+' stays '+': it is a space only in a query (see http/target.h).
std::string percent_decode(std::string_view text);
// The same into memory that has room for as much as the text; where the next may go.
char* percent_decode(std::string_view text, char* decoded);

// Encodes everything but RFC 3986's unreserved characters, so that the result is one path segment or query value.
std::string percent_encode(std::string_view text);
void append_percent_encoded(std::string& encoded, std::string_view text);

bool is_valid_utf8(std::string_view text);

}  // namespace afterword
