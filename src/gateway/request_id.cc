#include "gateway/request_id.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace afterword::gateway {
namespace {

constexpr std::string_view header = "X-Request-Id";
constexpr std::size_t longest = 128;
constexpr std::size_t random_bytes = 12;

bool is_id(std::string_view text) {
  const auto is_allowed = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '.' || letter == '_' || letter == ':';
  };
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, is_allowed);
}

std::string new_id() {
  std::array<std::uint8_t, random_bytes> bytes{};
  fill_random(bytes);
  return to_base64url(bytes);
}

}  // namespace

std::string set_request_id(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy) {
  const bool is_trusted = http::is_trusted(request.peer, is_trusted_proxy);
  const std::optional<std::string_view> given = is_trusted ? request.headers.find(header) : std::nullopt;
  std::string id = given && is_id(*given) ? std::string(*given) : new_id();
  request.headers.set(header, id);
  return id;
}

}  // namespace afterword::gateway
