#include "gateway/request_id.h"

#include "base/encoding.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace afterword::gateway {
namespace {

constexpr std::string_view header = "X-Request-Id";
constexpr std::size_t longest = 128;

bool is_id(std::string_view text) {
  const auto is_allowed = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '.' || letter == '_' || letter == ':';
  };
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, is_allowed);
}

}  // namespace

std::string RequestIds::next() {
  if (used_ == stock_.size()) {
    fill_random(stock_);
    used_ = 0;
  }
  const std::span<const std::uint8_t> bytes(stock_.data() + used_, random_bytes);
  used_ += random_bytes;
  return to_base64url(bytes);
}

std::string set_request_id(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy, RequestIds& new_ids) {
  const bool is_trusted = http::is_trusted(request.peer, is_trusted_proxy);
  const std::optional<std::string_view> given = is_trusted ? request.headers.find(header) : std::nullopt;
  std::string id = given && is_id(*given) ? std::string(*given) : new_ids.next();
  request.headers.set(header, id);
  return id;
}

}  // namespace afterword::gateway
