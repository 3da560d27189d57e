#include "api/announce.h"

#include "base/json.h"

#include <boost/json/serialize.hpp>

namespace afterword::api {
namespace {

// The object at `key`, made if there is none.
json::object& object_at(json::object& parent, std::string_view key) {
  json::value& member = parent[key];
  if (!member.is_object()) member.emplace_object();
  return member.get_object();
}

}  // namespace

std::optional<std::string> announce_in_versions(std::string_view homeserver_answer, bool tells_who_is_joined) {
  std::optional<json::object> answer = parse_json_object(homeserver_answer);
  if (!answer) return std::nullopt;
  json::object& features = object_at(*answer, "unstable_features");
  for (const char* feature : {"org.matrix.msc4140", "org.matrix.msc4140.stable", "org.matrix.msc4486"}) {
    features[feature] = true;
  }
  if (tells_who_is_joined) features["io.element.msc4502"] = true;
  return json::serialize(*answer);
}

std::optional<std::string> announce_in_capabilities(std::string_view homeserver_answer, const domain::Limits& limits) {
  std::optional<json::object> answer = parse_json_object(homeserver_answer);
  if (!answer) return std::nullopt;
  json::object enforced;
  if (limits.max_delay) enforced["max_delay_ms"] = limits.max_delay->count();
  if (limits.max_scheduled_per_user) enforced["max_scheduled"] = *limits.max_scheduled_per_user;
  json::object& capabilities = object_at(*answer, "capabilities");
  capabilities["m.delayed_events"] = enforced;
  capabilities["org.matrix.msc4140.delayed_events"] = enforced;
  json::object& additions = object_at(capabilities, "afterword.delayed_events");
  additions = {{"send_answers_event_id", true}, {"restart_answers_send_ts", true}, {"retry", true}};
  const auto message_delay = domain::longest_delay(limits, domain::EventToSend{});
  if (message_delay) additions["max_message_delay_ms"] = message_delay->count();
  if (limits.max_scheduled_per_user) additions["max_scheduled_for_calls"] = *domain::most_scheduled(limits, true);
  return json::serialize(*answer);
}

}  // namespace afterword::api
