// base/encoding: percent-encoding, base64url and UTF-8.
#include "base/encoding.h"

#include "base/json.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {
namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void check_percent(std::string_view input) {
  const std::string encoded = percent_encode(input);
  require(encoded.find_first_of("/?#&;=+ \r\n") == encoded.npos, "what is encoded is one segment or value");
  require(percent_decode(encoded) == input, "decoding undoes encoding");
  const std::string decoded = percent_decode(input);
  require(percent_decode(percent_encode(decoded)) == decoded, "a decoded text can be encoded again");
}

void check_base64url(std::string_view input) {
  require(from_base64url(to_base64url(bytes_of(input))) == input, "decoding undoes encoding");
  if (const auto decoded = from_base64url(input)) {
    require(to_base64url(bytes_of(*decoded)) == input, "no two texts mean the same bytes");
  }
}

// Boost.JSON refuses strings that are not UTF-8.
void check_utf8(std::string_view input) {
  std::string quoted = "\"";
  for (const char character : input) {
    if (static_cast<unsigned char>(character) >= 0x20 && character != '"' && character != '\\') quoted += character;
  }
  quoted += '"';
  require(is_valid_utf8(quoted) == parse_json(quoted).has_value(), "two readers of UTF-8 agree");
}

}  // namespace

void encoding(std::string_view input) {
  check_percent(input);
  check_base64url(input);
  check_utf8(input);
}

}  // namespace afterword::fuzz
