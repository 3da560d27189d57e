// gateway/routes: a request that a homeserver could take for one with the delay parameter never passes through, if it
// changes something: a homeserver without delayed events would send the event at once.
//
// The input: the method, then the target.
#include "gateway/routes.h"

#include "base/encoding.h"
#include "gateway/event_answers.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {
namespace {

// As lenient as any: each escape that is one is decoded, and the others stay.
std::string decode_leniently(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? percent_decode(text.substr(i, 3)) : std::nullopt;
    if (byte) {
      decoded += *byte;
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

// Whether a homeserver could read it.
bool could_name_the_delay(std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    if (decode_leniently(part.substr(0, part.find('='))) == gateway::delay_parameter) return true;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return false;
}

}  // namespace

void routes(std::string_view input) {
  const std::string_view method = take_line(input);
  const auto target = http::Target::parse(input);
  if (!target) return;
  gateway::may_show_events(method, *target);
  const gateway::Route route = gateway::find_route(method, *target);
  const bool changes = method != "GET" && method != "HEAD" && method != "OPTIONS";
  const bool passes = std::holds_alternative<gateway::PassThroughRoute>(route);
  require(!(passes && changes && could_name_the_delay(target->query)), "a delayed event never passes through");
}

}  // namespace afterword::fuzz
