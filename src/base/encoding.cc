#define OPENSSL_SUPPRESS_DEPRECATED  // SHA256_Init and what goes with it

#include "base/encoding.h"

#include "base/text.h"
#include "base/utf8_check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <stdexcept>

namespace afterword {
namespace {

constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> make_base64url_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < base64url_digits.size(); ++i) {
    values[static_cast<unsigned char>(base64url_digits[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto base64url_values = make_base64url_values();

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// By the functions that OpenSSL 3 would have replaced: the new ones allocate for each digest, and are slower than that
// of a token.
class Digest {
 public:
  Digest() { SHA256_Init(&context_); }
  void add(std::string_view bytes) { SHA256_Update(&context_, bytes.data(), bytes.size()); }
  Sha256 finish() {
    Sha256 digest{};
    SHA256_Final(digest.data(), &context_);
    return digest;
  }

 private:
  SHA256_CTX context_;
};

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.finish();
}

Sha256 sha256_of_list(std::initializer_list<std::string_view> texts) {
  Digest digest;
  for (const std::string_view text : texts) {
    std::array<char, 24> length{};
    char* const end = std::to_chars(length.data(), length.data() + length.size(), text.size()).ptr;
    *end = ':';
    digest.add({length.data(), static_cast<std::size_t>(end + 1 - length.data())});
    digest.add(text);
  }
  return digest.finish();
}

Sha256 hmac_sha256(std::string_view key, std::string_view message) {
  Sha256 code{};
  unsigned int length = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(), code.data(), &length) ==
      nullptr) {
    throw std::runtime_error("OpenSSL cannot compute an HMAC");
  }
  return code;
}

bool is_same_secret(std::string_view a, std::string_view b) {
  const Sha256 digest_of_a = sha256(a);
  const Sha256 digest_of_b = sha256(b);
  unsigned difference = 0;
  for (std::size_t i = 0; i < digest_of_a.size(); ++i)
    difference |= unsigned{digest_of_a[i]} ^ unsigned { digest_of_b[i] };
  return difference == 0;
}

void fill_random(std::span<std::uint8_t> bytes) {
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    throw std::runtime_error("OpenSSL has no random bytes");
  }
}

std::string to_base64url(std::span<const std::uint8_t> bytes) {
  std::string text(base64url_size(bytes.size()), '\0');
  to_base64url(bytes, text.data());
  return text;
}

char* to_base64url(std::span<const std::uint8_t> bytes, char* text) {
  const auto digit = [](std::uint32_t group, int shift) { return base64url_digits[(group >> shift) & 0x3f]; };
  const auto byte = [&](std::size_t at) { return std::uint32_t{bytes[at]}; };
  std::size_t place = 0;
  for (; place + 3 <= bytes.size(); place += 3) {
    const std::uint32_t group = byte(place) << 16 | byte(place + 1) << 8 | byte(place + 2);
    for (const int shift : {18, 12, 6, 0}) *text++ = digit(group, shift);
  }
  const std::size_t left = bytes.size() - place;
  if (left == 0) return text;
  const std::uint32_t group = byte(place) << 16 | (left == 2 ? byte(place + 1) << 8 : 0);
  *text++ = digit(group, 18);
  *text++ = digit(group, 12);
  if (left == 2) *text++ = digit(group, 6);
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size() * 3 / 4, '\0');
  if (!from_base64url(text, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()})) return std::nullopt;
  return bytes;
}

bool from_base64url(std::string_view text, std::span<std::uint8_t> bytes) {
  if (text.size() % 4 == 1 || text.size() * 3 / 4 != bytes.size()) return false;
  std::uint32_t buffer = 0;
  int bits = 0;
  auto next = bytes.begin();
  for (const char digit : text) {
    const int value = base64url_values[static_cast<unsigned char>(digit)];
    if (value < 0) return false;
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      *next++ = static_cast<std::uint8_t>(buffer >> bits);
    }
  }
  // Left-over bits must be zero, or two texts would mean the same bytes.
  return (buffer & ((1U << bits) - 1)) == 0;
}

std::string percent_decode(std::string_view text) {
  std::string decoded(text.size(), '\0');
  decoded.resize(static_cast<std::size_t>(percent_decode(text, decoded.data()) - decoded.data()));
  return decoded;
}

char* percent_decode(std::string_view text, char* decoded) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool may_encode = text[i] == '%' && i + 2 < text.size();
    const int high = may_encode ? hex_value(text[i + 1]) : -1;
    const int low = may_encode ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      *decoded++ = text[i];
    } else {
      *decoded++ = static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  append_percent_encoded(encoded, text);
  return encoded;
}

void append_percent_encoded(std::string& encoded, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += digits[byte >> 4];
      encoded += digits[byte & 0xf];
    }
  }
}

bool is_valid_utf8(std::string_view text) {
  Utf8Check check;
  return check.take(text) && check.is_whole();
}

}  // namespace afterword
