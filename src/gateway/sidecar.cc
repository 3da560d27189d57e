#include "gateway/sidecar.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/log.h"
#include "homeserver/answer_limits.h"
#include "http/matrix_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace afterword::gateway {
namespace {

constexpr std::chrono::seconds time_limit{30};  // as Synapse has it

// Of the connections to it, so many parts, of which a user has one.
constexpr std::size_t shares = 8;
constexpr std::chrono::seconds until_share_is_free{1};

// Members of a room may write as much into their membership as into any event.
const http::SendLimits membership_limits{std::chrono::seconds(10), homeserver::answer_limits::event};
const http::SendLimits whoami_limits{std::chrono::seconds(10), homeserver::answer_limits::whoami};

// Where the routes begin that stand below a version, or below a proposal under `unstable`.
std::size_t end_of_version(const http::Target& target) {
  const auto& segments = target.segments;
  if (segments.size() < 4 || segments[0] != "_matrix" || segments[1] != "client") return segments.size();
  if (segments[2] == "unstable") return 4;
  return segments[2].size() > 1 && segments[2].starts_with('v') ? 3 : segments.size();
}

// The target without the client's token, wherever it stands in the query.
std::string without_access_token(std::string_view target) {
  const std::size_t path_end = std::min(target.find('?'), target.size());
  std::string kept(target.substr(0, path_end));
  std::string_view query = target.substr(path_end);
  char mark = '?';
  while (!query.empty()) {
    query.remove_prefix(1);
    const std::string_view pair = query.substr(0, query.find_first_of("&;"));
    query.remove_prefix(pair.size());
    if (http::find_parameter(pair, "access_token")) continue;
    kept.append(1, mark).append(pair);
    mark = '&';
  }
  return kept;
}

api::MatrixError may_not_ask() {
  return {403, "M_FORBIDDEN", "Only a service whose registration has the scope may ask who is joined", {}, {}};
}

api::MatrixError does_not_cover() {
  return {403, "M_FORBIDDEN", "The registration of the service covers no such user of this homeserver", {}, {}};
}

http::Request whoami_question(const domain::UserId& user_id, const homeserver::AccessToken& as_token) {
  http::Request request;
  request.method = "GET";
  request.target = fmt::format("/_matrix/client/v3/account/whoami?user_id={}", percent_encode(user_id.value));
  request.headers.add("Authorization", as_token.authorization());
  return request;
}

http::Response unreachable() {
  return api::to_response({502, "M_UNKNOWN", "The service for calls cannot be reached", {}, {}});
}

}  // namespace

bool is_for_sidecar(const http::Target& target) {
  const std::size_t begin = end_of_version(target);
  const auto& segments = target.segments;
  return segments.size() > begin + 2 && segments[begin] == "rtc" && segments[begin + 1] == "livekit";
}

std::optional<IsJoinedRoute> find_is_joined(std::string_view method, const http::Target& target) {
  const std::size_t begin = end_of_version(target);
  const auto& segments = target.segments;
  if (method != "GET" || segments.size() != begin + 3) return std::nullopt;
  if (segments[begin] != "rooms" || segments[begin + 2] != "is_joined") return std::nullopt;
  const bool is_of_proposal = segments[2] == "unstable" && segments[3] == "io.element.msc4502";
  if (!is_of_proposal && segments[2] != "v3") return std::nullopt;
  return IsJoinedRoute{std::string(segments[begin + 1])};
}

http::Request as_request_of(http::Request request, const domain::UserId& user_id, std::string_view hs_token) {
  constexpr std::array<std::string_view, 6> passing = {"Content-Type",    "Content-Length", "Accept",
                                                       "Accept-Language", "User-Agent",     "X-Request-Id"};
  request.headers.remove_if([&](const http::Header& header) {
    return std::ranges::none_of(passing,
                                [&](std::string_view name) { return http::equal_ignoring_case(header.name, name); });
  });
  request.target = without_access_token(request.target);
  request.headers.add("Authorization", fmt::format("Bearer {}", hs_token));
  request.headers.add("X-Matrix-User-Identifier", user_id.value);
  return request;
}

Sidecar::Sidecar(http::Client& client, async::Clock& clock, SidecarRegistration registration, std::string server_name)
    : client_(client),
      clock_(clock),
      asked_(std::make_shared<Asked>(std::max<std::size_t>(1, client.figures().max_connections / shares))),
      registration_(std::move(registration)),
      server_name_(std::move(server_name)) {}

SidecarFigures Sidecar::figures() const {
  SidecarFigures figures = asked_->figures;
  figures.under_way = asked_->places.taken();
  return figures;
}

async::Task<http::Response> Sidecar::ask(http::Request request, domain::UserId user_id) {
  const auto asked = asked_;
  const auto place = asked->places.take_place(user_id);
  if (!place) {
    ++asked->figures.over_share;
    co_return api::to_response(api::rate_limited(until_share_is_free));
  }
  request = as_request_of(std::move(request), user_id, registration_.hs_token);
  auto asking = client_.send(std::move(request), http::SendLimits(time_limit, max_sidecar_answer_bytes));
  auto answer = co_await std::move(asking);
  if (!answer && answer.error().was_cancelled) {
    co_return http::without_answer();
  }
  if (!answer && answer.error().no_room) co_return http::no_room_in_memory();
  // Whose the client's token is the homeserver has said. To a client this answer would mean that its session has ended.
  const bool refuses_us = answer && answer->status == 401;
  ++(answer && !refuses_us ? asked->figures.answered : asked->figures.unanswered);
  if (!answer || refuses_us) {
    const std::string reason = refuses_us ? "it does not take the hs_token of its registration" : answer.error().reason;
    if (outage_.failed(clock_.steady_now())) log::warn("the service of rtc.registration cannot be asked: {}", reason);
    co_return unreachable();
  }
  if (outage_.worked()) log::info("the service of rtc.registration answers again");
  http::allow_web_clients(*answer);
  co_return std::move(*answer);
}

Result<Sidecar::Subject, api::MatrixError> Sidecar::read_question(
    const IsJoinedRoute& route, const http::Target& target,
    const std::optional<homeserver::Credentials>& credentials) const {
  if (!credentials) return api::missing_token();
  const bool is_ours = is_same_secret(credentials->access_token.text(), registration_.as_token);
  if (!is_ours || !registration_.may_ask_who_is_joined) return may_not_ask();
  const std::optional<std::string> user_id = target.parameter("mxid");
  const std::optional<std::string> server_name = target.parameter("server_name");
  if (user_id.has_value() == server_name.has_value()) return api::missing_parameter("mxid or server_name, one of them");
  if (!route.room_id.starts_with('!')) return api::invalid_parameter("roomId", "the id of a room");
  if (server_name) return Subject{};
  if (!domain::is_user_id(*user_id)) return api::invalid_parameter("mxid", "a user's id");
  domain::UserId subject(*user_id);
  if (domain::server_of(subject) != server_name_) return Subject{};
  return Subject{std::move(subject)};
}

async::Task<http::Response> tell_who_is_joined(http::Client& homeserver, std::string room_id, domain::UserId user_id,
                                               homeserver::AccessToken as_token) {
  auto asking = homeserver.send(membership_question(room_id, user_id, as_token), membership_limits);
  const auto answer = co_await std::move(asking);
  const std::optional<bool> is_joined = answer ? read_membership(*answer) : std::nullopt;
  if (!is_joined) co_return api::to_response(api::homeserver_unreachable());
  if (*is_joined) co_return api::ok(R"({"joined":true})");
  if (answer->status == 200) co_return api::ok(R"({"joined":false})");
  // A user of whom the service may know nothing is refused in the same words as one who has never been in the room.
  auto asking_whether_it_may = homeserver.send(whoami_question(user_id, as_token), whoami_limits);
  const auto may_know = co_await std::move(asking_whether_it_may);
  if (may_know && may_know->status == 200) co_return api::ok(R"({"joined":false})");
  const bool is_refused = may_know && (may_know->status == 401 || may_know->status == 403);
  co_return api::to_response(is_refused ? does_not_cover() : api::homeserver_unreachable());
}

http::Request membership_question(std::string_view room_id, const domain::UserId& user_id,
                                  const homeserver::AccessToken& as_token) {
  http::Request request;
  request.method = "GET";
  request.target = fmt::format("/_matrix/client/v3/rooms/{0}/state/m.room.member/{1}?user_id={1}",
                               percent_encode(room_id), percent_encode(user_id.value));
  request.headers.add("Authorization", as_token.authorization());
  return request;
}

std::optional<bool> read_membership(const http::Response& answer) {
  const std::optional<json::object> body = parse_json_object(answer.body);
  if (!body) return std::nullopt;
  if (answer.status == 200) {
    const std::optional<std::string> membership = string_member(*body, "membership");
    return membership ? std::optional(*membership == "join") : std::nullopt;
  }
  // Of one who has never been there; any other refusal is of the way there.
  const std::optional<std::string> errcode = string_member(*body, "errcode");
  if ((answer.status == 403 && errcode == "M_FORBIDDEN") || (answer.status == 404 && errcode == "M_NOT_FOUND")) {
    return false;
  }
  return std::nullopt;
}

}  // namespace afterword::gateway
