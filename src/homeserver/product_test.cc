#include "homeserver/product.h"

#include <gtest/gtest.h>

#include <tuple>

namespace afterword::homeserver {
namespace {

std::tuple<Kind, std::string, std::string> parts(const std::optional<Product>& product) {
  return product ? std::tuple(product->kind, product->name, product->version) : std::tuple(Kind::other, "none", "");
}

TEST(Product, IsWhatItTellsOtherServers) {
  const auto told = [](std::string_view text) { return parts(product_in(parse_json_object(text).value())); };
  EXPECT_EQ(told(R"({"server":{"name":"Synapse","version":"1.163.2 (b=develop) or so"}})"),
            std::tuple(Kind::synapse, "Synapse", "1.163.2"));
  EXPECT_EQ(told(R"({"server":{"name":"Dendrite"}})"), std::tuple(Kind::dendrite, "Dendrite", ""));
  EXPECT_EQ(told(R"({"server":{"name":"Conduit","version":"0.1"}})"), std::tuple(Kind::other, "Conduit", "0.1"));
  for (const auto* text : {"{}", R"({"server":"Synapse"})", R"({"server":{"name":1}})"}) {
    EXPECT_EQ(told(text), std::tuple(Kind::other, "none", "")) << text;
  }
}

TEST(Product, IsToldBySynapseWithEachAnswer) {
  const auto told = [](std::string name, std::string value) {
    http::Headers headers;
    headers.add("Server", "nginx");
    headers.add(std::move(name), std::move(value));
    return parts(product_in(headers));
  };
  EXPECT_EQ(told("server", "Synapse/1.163.2"), std::tuple(Kind::synapse, "Synapse", "1.163.2"));
  EXPECT_EQ(told("Server", "Caddy"), std::tuple(Kind::other, "none", ""));
  EXPECT_EQ(told("Via", "Synapse/1"), std::tuple(Kind::other, "none", ""));
}

}  // namespace
}  // namespace afterword::homeserver
