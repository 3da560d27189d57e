// Which product a homeserver is, as its answers tell.
//
// Pure. Thread: any.
#pragma once

#include "base/json.h"
#include "http/message.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::homeserver {

enum class Kind : std::uint8_t { synapse, dendrite, other };

struct Product {
  Kind kind = Kind::other;
  std::string name;
  std::string version;  // empty if it does not say which
};

// Where it tells other servers. Federation may be off, or served elsewhere.
inline constexpr std::string_view product_target = "/_matrix/federation/v1/version";
std::optional<Product> product_in(const json::object& federation_version);

// Synapse says it with each of its answers, unless a proxy replaces that header.
std::optional<Product> product_in(const http::Headers& headers);

}  // namespace afterword::homeserver
