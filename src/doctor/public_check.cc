#include "doctor/public_check.h"

#include "async/clock.h"
#include "base/encoding.h"
#include "base/json.h"
#include "doctor/product.h"
#include "doctor/public_routes.h"
#include "gateway/arrival.h"
#include "homeserver/answer_limits.h"
#include "http/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace afterword::doctor {
namespace {

using async::Task;
using public_routes::Route;
namespace routes = public_routes;

using Seconds = std::chrono::duration<double>;

constexpr std::chrono::seconds answer_limit{20};

// An address that is nobody's (RFC 5737): what a client could say of itself.
constexpr std::string_view made_up_address = "192.0.2.77";

// The largest event with what stands around it, and more than a backup of keys is asked to take at once.
constexpr std::size_t event_bytes = 66 * 1024;
constexpr std::size_t large_bytes = 10 * 1024 * 1024;

// What a route is asked for: what proxies like to decode.
constexpr std::string_view room = "%21check%3Aexample.org";
constexpr std::string_view event = "org.example.check%2Fa%25b";

std::string filled(std::string_view path) {
  std::string target;
  while (!path.empty()) {
    const std::size_t brace = std::min(path.find('{'), path.size());
    target += path.substr(0, brace);
    path.remove_prefix(brace);
    if (path.empty()) break;
    target += path.starts_with("{room}") ? room : event;
    path.remove_prefix(path.find('}') + 1);
  }
  return target;
}

// What became of one request.
struct Arrival {
  int status = 0;                    // 0: there was no answer
  std::string reason;                // then
  std::string errcode;               // of an answer that is not ours
  bool is_ours = false;              // it came to us
  std::optional<json::object> told;  // as we say it arrived, if that can be read
  std::string encoding;              // of the answer
  std::string sent_target;

  std::string text() const {
    if (status == 0) return "no answer: " + reason;
    return errcode.empty() ? fmt::format("answered {}", status) : fmt::format("answered {} {}", status, errcode);
  }
  std::string string(std::string_view key) const { return told ? string_member(*told, key).value_or("") : ""; }
  // A header's lines, as one.
  std::string header(std::string_view key) const {
    std::string values;
    const json::value* const lines = told ? told->if_contains(key) : nullptr;
    if (lines == nullptr || !lines->is_array()) return values;
    for (const json::value& line : lines->get_array()) {
      if (!line.is_string()) continue;
      if (!values.empty()) values += ", ";
      values += std::string_view(line.get_string());
    }
    return values;
  }
};

class PublicCheck {
 public:
  PublicCheck(async::Executor executor, const ops::Configuration& configuration, const PublicAddress& address)
      : executor_(executor),
        clock_(executor),
        client_(executor, address.origin),
        key_(gateway::arrival_key(configuration.as_token)),
        configuration_(configuration),
        origin_(address.origin),
        long_poll_(address.long_poll) {}

  Task<Findings> run() {
    const bool comes_through = co_await look_at_routes();
    if (comes_through) {
      co_await look_at_heads();
      co_await look_at_bodies();
      co_await look_at_long_polls();
    }
    client_.close();
    co_return std::move(findings_);
  }

 private:
  struct Ask {
    std::chrono::milliseconds wait{0};
    std::size_t body_bytes = 0;
    http::Headers headers{};
  };

  Task<Arrival> ask(Route route) { return ask_with(route, Ask()); }

  Task<Arrival> ask_with(Route route, Ask asked) {
    std::array<std::uint8_t, 12> random{};
    fill_random(random);
    const gateway::ArrivalQuestion question{to_base64url(random), asked.wait};
    http::Request request;
    request.method = route.method;
    request.target = filled(route.path);
    request.headers = std::move(asked.headers);
    request.headers.add(gateway::arrival_header, gateway::arrival_proof(key_, question, clock_.wall_now()));
    if (request.method != "GET") {
      request.headers.add("Content-Type", "application/json");
      request.body = asked.body_bytes == 0 ? "{}" : "{" + std::string(asked.body_bytes - 2, ' ') + "}";
    }
    Arrival arrival;
    arrival.sent_target = request.target;
    const http::SendLimits limits(answer_limit + asked.wait, homeserver::answer_limits::versions);
    auto answer = co_await client_.send(std::move(request), limits);
    if (!answer) {
      arrival.reason = answer.error().reason;
      co_return arrival;
    }
    arrival.status = answer->status;
    arrival.encoding = answer->headers.find("Content-Encoding").value_or("");
    arrival.is_ours = answer->headers.find(gateway::arrival_header) == question.nonce;
    auto body = parse_json_object(answer->body);
    if (arrival.is_ours) {
      arrival.told = std::move(body);
    } else if (body) {
      arrival.errcode = string_member(*body, "errcode").value_or("");
    }
    co_return arrival;
  }

  void find(Verdict verdict, std::string detail, std::string fix = {}) {
    findings_.push_back({"public", verdict, std::move(detail), std::move(fix)});
  }

  // --- Which routes come to us ---

  // False if none does, or none can be asked for.
  Task<bool> look_at_routes() {
    const Arrival first = co_await ask(routes::announcements[0]);
    if (first.status == 0) {
      find(Verdict::failed, fmt::format("no answer from {}: {}", origin_.url(), first.reason),
           "start the proxy, or correct the URL: it is the one that clients use, without a path");
      co_return false;
    }
    const std::size_t found_before = findings_.size();
    std::size_t arrived = 0;
    std::size_t asked = 0;
    const auto look = [&](std::span<const Route> routes, Verdict verdict, std::string fix) {
      asked += routes.size();
      return look_at(routes, verdict, std::move(fix), arrived);
    };
    co_await look(routes::delayed_events, Verdict::failed, "send it to Afterword: it is one of its own routes");
    co_await look(
        routes::with_delay, Verdict::failed,
        "send it to Afterword, by its query: a homeserver without delayed events sends such an event at once, "
        "and says 200");
    co_await look(routes::announcements, Verdict::failed,
                  "send it to Afterword: clients learn from it that there are delayed events");
    const bool is_delegated = co_await delegates_tokens();
    constexpr std::string_view tokens =
        "send it to Afterword: otherwise a token that it ends is good for delayed events for up to 5 minutes more";
    if (!is_delegated) co_await look(routes::log_outs, Verdict::warning, std::string(tokens));
    co_await look(routes::ends_of_tokens, Verdict::warning, std::string(tokens));
    if (arrived == 0) {
      findings_.resize(found_before);
      find(Verdict::failed,
           fmt::format("nothing that {} is asked for comes to Afterword; GET /_matrix/client/versions was {}",
                       origin_.url(), first.text()),
           "lead clients to Afterword (deploy/ has what proxies need), and give all its instances one registration");
      co_return false;
    }
    if (arrived == asked) {
      find(Verdict::ok,
           fmt::format("all {} kinds of requests about delayed events come through {}", asked, origin_.url()));
    }
    if (is_delegated) {
      find(Verdict::ok,
           "log-outs are the authentication service's, which is right; a token that ends there is good for delayed "
           "events for up to 5 minutes more");
    }
    co_await look_at_news();
    if (announces_) co_await look_as_a_client();
    co_return true;
  }

  // The routes are constants.
  Task<void> look_at(std::span<const Route> routes, Verdict verdict, std::string fix, std::size_t& arrived) {
    for (const Route& route : routes) {
      const Arrival arrival = co_await ask(route);
      if (!arrival.is_ours) {
        find(verdict, fmt::format("{} {} does not come to Afterword: {}", route.method, route.path, arrival.text()),
             fix);
        continue;
      }
      ++arrived;
      if (route.path == routes::announcements[0].path) announces_ = true;
      const std::string method = arrival.string("method");
      const std::string target = arrival.string("target");
      if (method == route.method && target == arrival.sent_target) continue;
      find(Verdict::failed,
           fmt::format("{} {} comes to Afterword as {} {}", route.method, arrival.sent_target, method, target),
           "pass paths and queries on as they are (nginx: proxy_pass without a path behind the address; Traefik: allow "
           "encoded characters)");
    }
  }

  // What is asked without a proof must not be answered by a cache, which the proof goes past.
  Task<void> look_as_a_client() {
    http::Request request;
    request.method = "GET";
    request.target = routes::announcements[0].path;
    const http::SendLimits limits(answer_limit, homeserver::answer_limits::versions);
    const auto answer = co_await client_.send(std::move(request), limits);
    const auto body = answer && answer->status == 200 ? parse_json_object(answer->body) : std::nullopt;
    if (!body || !body->contains("versions") || has_delayed_events(*body)) co_return;
    find(Verdict::failed,
         "GET /_matrix/client/versions comes to Afterword, and yet what clients are answered does not announce delayed "
         "events: a cache answers in its place",
         "let proxies and content delivery networks keep nothing of /_matrix/client, and purge what they have kept");
  }

  // Whether tokens are an authentication service's (MAS), which takes log-ins and log-outs.
  Task<bool> delegates_tokens() {
    http::Client homeserver(executor_, configuration_.homeserver);
    http::Request request;
    request.method = "GET";
    request.target = "/_matrix/client/v1/auth_metadata";
    const http::SendLimits limits(answer_limit, homeserver::answer_limits::versions);
    const auto answer = co_await homeserver.send(std::move(request), limits);
    homeserver.close();
    const auto body = answer && answer->status == 200 ? parse_json_object(answer->body) : std::nullopt;
    co_return body && body->contains("issuer");
  }

  // What shows events to their senders need not come to us.
  Task<void> look_at_news() {
    std::size_t arrived = 0;
    std::string others;
    for (const Route& route : routes::news) {
      const Arrival arrival = co_await ask(route);
      if (arrival.is_ours) {
        ++arrived;
      } else {
        others += fmt::format("{}{} {}", others.empty() ? "" : ", ", route.method, route.path);
      }
      if (route.path == routes::sync.path) sync_arrives_ = arrival.is_ours;
    }
    if (arrived == std::size(routes::news)) co_return;
    if (arrived == 0) {
      find(Verdict::ok, "what shows events goes past Afterword: unsigned.delay_id is not in it");
      co_return;
    }
    find(Verdict::warning, "some of what shows events goes past Afterword, and is without unsigned.delay_id: " + others,
         "send all of it to Afterword, or none");
  }

  // --- What proxies make of a request ---

  Task<void> look_at_heads() {
    Ask asked;
    asked.headers = {{"X-Forwarded-For", std::string(made_up_address)}, {"Accept-Encoding", "gzip"}};
    const Arrival compressed = co_await ask_with(routes::announcements[0], asked);
    asked.headers.remove("Accept-Encoding");
    const Arrival arrival = co_await ask_with(routes::announcements[0], asked);
    if (!arrival.told) co_return;
    look_at_host(arrival.header("host"));
    look_at_addresses(arrival);
    const std::string proto = arrival.header("x_forwarded_proto");
    const std::string_view reached_by = origin_.tls ? "https" : "http";
    if (origin_.tls && proto.substr(proto.rfind(' ') + 1) != reached_by) {
      find(Verdict::failed, proto.empty() ? "X-Forwarded-Proto is missing" : "X-Forwarded-Proto says " + proto,
           "let the proxy set it to https (nginx: proxy_set_header X-Forwarded-Proto $scheme)");
    }
    const bool asked_for_gzip = compressed.told && !compressed.header("accept_encoding").empty();
    if (compressed.is_ours && compressed.encoding.empty() && !asked_for_gzip) {
      find(Verdict::warning,
           "nobody compresses: Accept-Encoding does not arrive, and the proxy does not compress JSON itself",
           "pass Accept-Encoding on, or let the proxy compress application/json");
    }
  }

  // A port that is left out does no harm.
  void look_at_host(const std::string& host) {
    const auto name = [](std::string_view text) {
      const std::size_t colon = text.rfind(':');
      const bool has_port = colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
      return std::string(has_port ? text.substr(0, colon) : text);
    };
    if (http::equal_ignoring_case(name(host), name(origin_.host_header()))) return;
    find(Verdict::failed,
         fmt::format("Host arrives as {}, not as {}", host.empty() ? "nothing" : host, origin_.host_header()),
         "let the proxy pass it on (nginx: proxy_set_header Host $host)");
  }

  void look_at_addresses(const Arrival& arrival) {
    const std::string chain = arrival.header("x_forwarded_for");
    const json::value* const trusted = arrival.told->if_contains("is_trusted");
    const bool is_trusted = trusted != nullptr && trusted->is_bool() && trusted->get_bool();
    if (!is_trusted) {
      find(Verdict::warning,
           fmt::format(
               "requests come from {}, which is not one of trusted_proxies: what it says of its clients is dropped",
               arrival.string("peer")),
           "add it to trusted_proxies, if it is the proxy's address");
    } else if (chain.empty()) {
      find(Verdict::failed,
           "X-Forwarded-For is missing: all clients share one's limits, and the homeserver sees one address",
           "let the proxy set it (nginx: proxy_set_header X-Forwarded-For $remote_addr)");
    } else if (chain.ends_with(made_up_address)) {
      find(Verdict::failed, "X-Forwarded-For is what clients say it is: each may have as many addresses as it likes",
           "let the proxy set it, or add to it (nginx: proxy_set_header X-Forwarded-For $remote_addr)");
    } else if (chain.starts_with(made_up_address)) {
      find(Verdict::warning,
           "X-Forwarded-For begins with what clients say of themselves, which is what Synapse takes for their address",
           "let the proxy set it, not add to it (nginx: proxy_set_header X-Forwarded-For $remote_addr)");
    }
  }

  Task<void> look_at_bodies() {
    Ask asked;
    asked.body_bytes = event_bytes;
    const Arrival with_event = co_await ask_with(routes::delayed_events[0], asked);
    if (with_event.status == 413) {
      find(Verdict::failed, "an event of 64 KiB is refused on the way: " + with_event.text(),
           "raise the proxy's limit (nginx: client_max_body_size 50m)");
    }
    constexpr Route backup{"PUT", "/_matrix/client/v3/room_keys/keys"};
    asked.body_bytes = large_bytes;
    const Arrival large = co_await ask_with(backup, asked);
    if (large.is_ours || (large.status != 413 && large.status != 0)) co_return;
    find(Verdict::warning, "a body of 10 MiB is refused on the way, as backups of keys may be: " + large.text(),
         "raise the proxy's limit (nginx: client_max_body_size 50m)");
  }

  Task<void> look_at_long_polls() {
    if (!sync_arrives_) co_return;
    const auto began = clock_.steady_now();
    Ask asked;
    asked.wait = long_poll_;
    const Arrival arrival = co_await ask_with(routes::sync, asked);
    if (arrival.is_ours) co_return;
    const Seconds took = clock_.steady_now() - began;
    find(Verdict::failed,
         fmt::format("a long poll of {:g} s is given up on the way after {:.0f} s: {}", Seconds(long_poll_).count(),
                     took.count(), arrival.text()),
         "raise the proxy's time limit for an answer (nginx: proxy_read_timeout 660s; HAProxy: timeout server 660s)");
  }

  async::Executor executor_;
  async::SystemClock clock_;
  http::Client client_;
  std::string key_;
  const ops::Configuration& configuration_;
  http::Origin origin_;
  std::chrono::milliseconds long_poll_;
  Findings findings_;
  bool announces_ = false;  // the first route of announcements comes to us
  bool sync_arrives_ = false;
};

}  // namespace

Task<Findings> check_public(async::Executor executor, const ops::Configuration& configuration, PublicAddress address) {
  PublicCheck check(executor, configuration, address);
  co_return co_await check.run();
}

}  // namespace afterword::doctor
