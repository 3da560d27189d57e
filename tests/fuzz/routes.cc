// gateway/routes: a request that a homeserver could take for one with the delay parameter never passes through, if it
// changes something: a homeserver without delayed events would send the event at once. And what is scheduled is text.
//
// The input: a line each for the method, the target and the Content-Type; then the body.
#include "gateway/routes.h"

#include "base/encoding.h"
#include "gateway/event_answers.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {
namespace {

std::string decoded_as_query(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced);
}

// Whether a homeserver could read it: Go ends a parameter at '&', Twisted at ';' too.
bool could_name_the_delay(std::string_view query, std::string_view separators) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find_first_of(separators), query.size());
    const std::string_view part = query.substr(0, end);
    if (decoded_as_query(part.substr(0, part.find('='))) == gateway::delay_parameter) return true;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return false;
}

bool could_name_the_delay(std::string_view query) {
  return could_name_the_delay(query, "&") || could_name_the_delay(query, "&;");
}

// As Go and Twisted know one: parameters may follow.
bool is_form(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.starts_with(' ')) content_type.remove_prefix(1);
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return http::equal_ignoring_case(content_type, "application/x-www-form-urlencoded");
}

void check_schedule(const gateway::ScheduleRoute& route) {
  for (const std::string_view text : {route.room_id, route.type, route.state_key, route.redacts}) {
    require(is_valid_utf8(text) && text.find('\0') == text.npos, "what names an event is text");
  }
}

}  // namespace

void routes(std::string_view input) {
  http::Request request;
  request.method = take_line(input);
  request.target = take_line(input);
  request.headers.add("Content-Type", std::string(take_line(input)));
  request.body = input;
  const auto target = http::Target::parse(request.target);
  if (!target) return;
  gateway::may_show_events(request.method, *target);
  const gateway::Route route = gateway::find_route(request.method, *target);
  const auto* schedule = std::get_if<gateway::ScheduleRoute>(&route);
  if (schedule != nullptr && target->is_text()) check_schedule(*schedule);
  if (!std::holds_alternative<gateway::PassThroughRoute>(route)) return;
  if (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS") return;
  require(!could_name_the_delay(target->query), "a delayed event never passes through");
  const bool could_be_in_form = is_form(*request.headers.find("Content-Type")) && could_name_the_delay(request.body);
  require(!could_be_in_form || gateway::may_name_delay_in_form(request, *target), "nor does one in a form");
}

}  // namespace afterword::fuzz
