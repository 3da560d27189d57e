#include "homeserver/restart_marker.h"

#include "base/json.h"
#include "homeserver/delivery_answers.h"

#include <string>

namespace afterword::homeserver {
namespace {

http::Request make_request(const domain::DelayId& delay_id, std::string_view as_token, std::string body) {
  http::Request request;
  request.method = "PUT";
  request.target = "/_matrix/client/v3/sendToDevice/afterword.mark/" + delay_id.to_string();
  request.headers.add("Authorization", "Bearer " + std::string(as_token));
  request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

// By the homeserver itself, and not for its being busy.
bool is_refusal(const http::Response& answer) {
  if (!http::is_client_error(answer.status) || answer.status == http::too_many_requests) return false;
  const auto body = parse_json_object(answer.body);
  return body && is_errcode(string_member(*body, "errcode").value_or(""));
}

}  // namespace

http::Request make_mark_request(const domain::DelayId& delay_id, std::string_view as_token) {
  return make_request(delay_id, as_token, R"({"messages":{}})");
}

http::Request make_mark_question(const domain::DelayId& delay_id, std::string_view as_token) {
  return make_request(delay_id, as_token, "?");
}

bool is_left(const http::Response& answer) { return answer.status == 200 || is_refusal(answer); }

Mark read_mark(const HttpAnswer& answer) {
  if (!answer) return Mark::unheard;
  if (answer->status == 200) return Mark::there;
  return is_refusal(*answer) ? Mark::gone : Mark::unheard;
}

}  // namespace afterword::homeserver
