#include "homeserver/product.h"

#include <utility>

namespace afterword::homeserver {
namespace {

Kind kind_of(std::string_view name) {
  if (name == "Synapse") return Kind::synapse;
  if (name == "Dendrite") return Kind::dendrite;
  return Kind::other;
}

// Without what stands behind the version itself: "1.163.2 (b=develop)".
Product named(std::string name, std::string_view version) {
  const Kind kind = kind_of(name);
  return {kind, std::move(name), std::string(version.substr(0, version.find(' ')))};
}

}  // namespace

std::optional<Product> product_in(const json::object& federation_version) {
  const json::object* const server = object_member(federation_version, "server");
  auto name = server != nullptr ? string_member(*server, "name") : std::nullopt;
  if (!name) return std::nullopt;
  return named(*std::move(name), string_member(*server, "version").value_or(""));
}

std::optional<Product> product_in(const http::Headers& headers) {
  constexpr std::string_view synapse = "Synapse/";
  for (const http::Header& header : headers) {
    if (http::equal_ignoring_case(header.name, "Server") && header.value.starts_with(synapse)) {
      return named("Synapse", std::string_view(header.value).substr(synapse.size()));
    }
  }
  return std::nullopt;
}

}  // namespace afterword::homeserver
