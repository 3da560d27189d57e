#include "gateway/forwarded.h"

#include "http/hop_by_hop.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace afterword::gateway {
namespace {

// All that proxies say of the client and of how it reached them, whichever of these the homeserver heeds.
bool is_about_the_client(std::string_view name) {
  constexpr std::string_view prefix = "X-Forwarded-";
  return http::equal_ignoring_case(name.substr(0, prefix.size()), prefix) ||
         http::equal_ignoring_case(name, "Forwarded") || http::equal_ignoring_case(name, "X-Real-IP");
}

// A header that comes in several lines means the same as one with all of them.
std::string joined(const http::Headers& headers, std::string_view name) {
  std::string values;
  for (const http::Header& header : headers) {
    if (!http::equal_ignoring_case(header.name, name) || header.value.empty()) continue;
    if (!values.empty()) values += ", ";
    values += header.value;
  }
  return values;
}

void set_if(http::Headers& headers, std::string_view name, std::string_view value) {
  if (!value.empty()) headers.set(name, value);
}

}  // namespace

void set_forwarded(http::Request& request, const http::IsTrustedProxy& is_trusted_proxy) {
  http::Headers& headers = request.headers;
  const std::string own_host(headers.find("Host").value_or(""));
  http::remove_hop_by_hop(headers);
  const bool is_trusted = http::is_trusted(request.peer, is_trusted_proxy);
  if (!is_trusted) headers.remove_if([](const http::Header& header) { return is_about_the_client(header.name); });

  const bool names_client = !joined(headers, "X-Forwarded-For").empty();
  // Whoever comes through a Unix socket has no address.
  if (!request.peer.empty()) headers.add("X-Forwarded-For", request.peer);
  const std::string chain = joined(headers, "X-Forwarded-For");
  const std::string proto = joined(headers, "X-Forwarded-Proto");
  const std::string host = joined(headers, "X-Forwarded-Host");
  // A proxy that names its client but not the scheme is taken for one that ends TLS, as homeservers take it. We
  // ourselves are reached without TLS only.
  const std::string_view reached_by = names_client ? "https" : "http";
  set_if(headers, "X-Forwarded-For", chain);
  headers.set("X-Forwarded-Proto", proto.empty() ? reached_by : proto);
  set_if(headers, "X-Forwarded-Host", host.empty() ? own_host : host);
}

http::Headers about_client(const http::Request& request, const http::IsTrustedProxy& is_trusted_proxy) {
  constexpr std::array<std::string_view, 3> needed = {"User-Agent", "Host", "Connection"};
  http::Request question;
  question.peer = request.peer;
  for (const http::Header& header : request.headers) {
    const auto is_named = [&](std::string_view name) { return http::equal_ignoring_case(header.name, name); };
    if (is_about_the_client(header.name) || std::ranges::any_of(needed, is_named)) {
      question.headers.add(header.name, header.value);
    }
  }
  set_forwarded(question, is_trusted_proxy);
  question.headers.remove("Host");
  return std::move(question.headers);
}

}  // namespace afterword::gateway
