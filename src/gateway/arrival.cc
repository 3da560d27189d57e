#include "gateway/arrival.h"

#include "api/matrix_error.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/read_number.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace afterword::gateway {
namespace {

// A proof is good for so long; clocks of two machines differ.
constexpr std::chrono::minutes max_age{5};

// So that a proxy that compresses finds it worth while. What has a body gets none: Caddy loses, on a busy machine, what
// an answer has beyond its first 4 KiB if that comes before Caddy has seen that the request's body has ended (Go's
// net/http closes the body as it begins to answer, fails to read its end, and closes the connection to us).
constexpr std::size_t padding_bytes = 4 * 1024;

std::string code_of(std::string_view key, std::string_view said) { return to_base64url(hmac_sha256(key, said)); }

// All of that name, as they came.
json::array all_of(const http::Headers& headers, std::string_view name) {
  json::array values;
  for (const http::Header& header : headers) {
    if (http::equal_ignoring_case(header.name, name)) values.emplace_back(header.value);
  }
  return values;
}

}  // namespace

std::string arrival_key(std::string_view as_token) {
  return to_base64url(hmac_sha256(as_token, "afterword check --public"));
}

// TIME.NONCE.WAIT.CODE
std::string arrival_proof(std::string_view key, const ArrivalQuestion& question, WallTime now) {
  const std::string said =
      std::to_string(to_ms(now)) + '.' + question.nonce + '.' + std::to_string(question.wait.count());
  return said + '.' + code_of(key, said);
}

std::optional<ArrivalQuestion> read_arrival_proof(std::string_view key, std::string_view proof, WallTime now) {
  const std::size_t last = proof.rfind('.');
  if (key.empty() || last == std::string_view::npos) return std::nullopt;
  const std::string_view said = proof.substr(0, last);
  if (!is_same_secret(proof.substr(last + 1), code_of(key, said))) return std::nullopt;

  const std::size_t first = said.find('.');
  const std::size_t second = said.rfind('.');
  if (first == std::string_view::npos || second <= first) return std::nullopt;
  const auto made = read_number<std::int64_t>(said.substr(0, first));
  const auto wait = read_number<std::int64_t>(said.substr(second + 1));
  if (!made || !wait || *wait < 0 || *wait > max_arrival_wait.count()) return std::nullopt;
  const auto age = std::chrono::milliseconds(to_ms(now) - *made);
  if (age > max_age || age < -max_age) return std::nullopt;
  return ArrivalQuestion{std::string(said.substr(first + 1, second - first - 1)), std::chrono::milliseconds(*wait)};
}

async::Task<http::Response> tell_arrival(async::Clock& clock, http::Request request, ArrivalQuestion question,
                                         http::IsTrustedProxy is_trusted_proxy) {
  std::uint64_t body_bytes = request.body.size();
  if (request.rest) co_await request.rest->ask_for();
  while (request.rest) {
    const auto piece = co_await request.rest->read();
    if (!piece || piece->empty()) break;
    body_bytes += piece->size();
  }
  if (question.wait.count() > 0) co_await clock.sleep_for(question.wait);

  json::object told;
  told["method"] = request.method;
  told["target"] = request.target;
  told["host"] = all_of(request.headers, "Host");
  told["x_forwarded_for"] = all_of(request.headers, "X-Forwarded-For");
  told["x_forwarded_proto"] = all_of(request.headers, "X-Forwarded-Proto");
  told["accept_encoding"] = all_of(request.headers, "Accept-Encoding");
  told["peer"] = request.peer;
  told["is_trusted"] = http::is_trusted(request.peer, is_trusted_proxy);
  told["client"] = request.client;
  told["body_bytes"] = body_bytes;
  if (body_bytes == 0) told["padding"] = std::string(padding_bytes, ' ');
  http::Response response = api::ok(to_text(told));
  response.headers.add(arrival_header, question.nonce);
  response.headers.add("Cache-Control", "no-store");
  co_return response;
}

}  // namespace afterword::gateway
