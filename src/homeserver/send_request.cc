#include "homeserver/send_request.h"

#include "base/encoding.h"
#include "homeserver/query.h"
#include "http/head_syntax.h"

namespace afterword::homeserver {
namespace {

using domain::EventKind;

std::string path_of(const domain::DelayId& delay_id, const domain::EventToSend& event) {
  std::string path = "/_matrix/client/v3/rooms/" + percent_encode(event.room_id.value);
  switch (event.kind) {
    case EventKind::message:
      return path + "/send/" + percent_encode(event.type) + '/' + delay_id.to_string();
    case EventKind::state:
      return path + "/state/" + percent_encode(event.type) + '/' + percent_encode(event.state_key);
    case EventKind::redaction:
      return path + "/redact/" + percent_encode(event.redacts.value) + '/' + delay_id.to_string();
  }
  return path;
}

}  // namespace

bool can_be_addressed(const domain::EventToSend& event) {
  return http::is_target(path_of(domain::DelayId(domain::DelayId::Bytes{}), event));
}

http::Request make_send_request(const domain::DelayId& delay_id, const domain::EventToSend& event,
                                const domain::Attempt& attempt, std::string_view as_token) {
  Query query;
  query.add("user_id", event.user_id.value);
  if (event.device_id) query.add_device(event.device_id->value);
  query.add("ts", std::to_string(to_ms(attempt.origin_server_ts)));
  if (event.sticky_duration) {
    query.add("org.matrix.msc4354.sticky_duration_ms", std::to_string(event.sticky_duration->count()));
  }

  http::Request request;
  request.method = "PUT";
  request.target = path_of(delay_id, event) + query.text();
  request.headers.add("Authorization", "Bearer " + std::string(as_token));
  request.headers.add("Content-Type", "application/json");
  request.body = event.content;
  return request;
}

}  // namespace afterword::homeserver
