// A client's access token, as RFC 6750 writes one (b64token): letters, digits and -._~+/, with any number of = at its
// end.
//
// The only way to one is parse(), so whatever holds an AccessToken holds a single word: it cannot end a header line or
// a parameter, whoever made it up.
#pragma once

#include "base/memory_pool.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::homeserver {

class AccessToken {
 public:
  static constexpr std::size_t max_bytes = 4096;  // Tokens that are signed documents take up to 2 KiB or so.

  static std::optional<AccessToken> parse(std::string_view text);

  std::string_view text() const { return text_; }
  std::string authorization() const { return std::string("Bearer ").append(text()); }

  bool operator==(const AccessToken&) const = default;

 private:
  explicit AccessToken(std::string_view text) : text_(text) {}

  PooledString text_;
};

}  // namespace afterword::homeserver
