#include "http/origin.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace afterword::http {
namespace {

constexpr std::uint16_t default_port(bool tls) { return tls ? 443 : 80; }

// A URL may hold any character in its host, percent-encoded, but a Host header and a resolver may not.
bool is_host(std::string_view text) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

// For an error: without what stands where a user name and a password do.
std::string without_secrets(const std::string& url) {
  const std::size_t at = url.rfind('@');
  return at == std::string::npos ? url : "…" + url.substr(at);
}

}  // namespace

Result<Origin, std::string> Origin::parse(const std::string& url) {
  if (url.starts_with(unix_prefix)) {
    Origin origin{.host = "localhost", .unix_path = url.substr(unix_prefix.size())};
    if (origin.unix_path.empty()) return fmt::format("\"{}\" names no path; write one, as unix:/run/synapse.sock", url);
    return origin;
  }
  const std::string shown = without_secrets(url);
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return fmt::format("\"{}\" is not a URL like https://example.org", shown);

  Origin origin;
  if (parsed->scheme_id() == boost::urls::scheme::https) {
    origin.tls = true;
  } else if (parsed->scheme_id() != boost::urls::scheme::http) {
    return fmt::format("\"{}\" must start with http:// or https://", shown);
  }
  origin.host = parsed->host_address();
  if (!is_host(origin.host)) return fmt::format("\"{}\" names no host", shown);
  if (parsed->has_userinfo()) return fmt::format("\"{}\" must not hold a user name or password", shown);
  const bool has_path = !parsed->encoded_path().empty() && parsed->encoded_path() != "/";
  if (has_path || parsed->has_query() || parsed->has_fragment()) {
    return fmt::format("\"{}\" must end after the host and port", shown);
  }
  origin.port = default_port(origin.tls);
  if (parsed->has_port() && !parsed->port().empty()) {
    const auto digits = parsed->port();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), origin.port);
    if (error != std::errc() || origin.port == 0) return fmt::format("\"{}\" has an impossible port", shown);
  }
  return origin;
}

Origin Origin::at(const Address& address) {
  return {.host = address.is_unix() ? "localhost" : address.host, .port = address.port, .unix_path = address.unix_path};
}

std::string Origin::url() const {
  if (!unix_path.empty()) return std::string(unix_prefix) + unix_path;
  return fmt::format("{}://{}", tls ? "https" : "http", host_header());
}

std::string Origin::host_header() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(tls) ? name : fmt::format("{}:{}", name, port);
}

}  // namespace afterword::http
