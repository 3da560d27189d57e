// The name of a request, by which it can be found again in the homeserver's log and in ours: X-Request-Id.
#pragma once

#include "http/client_address.h"
#include "http/message.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace afterword::gateway {

// New ones. They are drawn in stock, for each draw asks the system whether the process has been forked.
class RequestIds {
 public:
  std::string next();

 private:
  static constexpr std::size_t random_bytes = 12;
  std::array<std::uint8_t, 64 * random_bytes> stock_{};
  std::size_t used_ = stock_.size();
};

// As a trusted proxy has named it, if that is a word of at most 128 letters, digits and -._:; else anew. What anybody
// else says is dropped. The id.
std::string set_request_id(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy, RequestIds& new_ids);

}  // namespace afterword::gateway
