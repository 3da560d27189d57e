#include "homeserver/restart_mark.h"

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

}  // namespace

http::Request make_mark_request(const domain::DelayId& delay_id, std::string_view as_token) {
  return make_request(delay_id, as_token, R"({"messages":{}})");
}

http::Request make_mark_question(const domain::DelayId& delay_id, std::string_view as_token) {
  return make_request(delay_id, as_token, "?");
}

Mark read_mark(const HttpAnswer& answer) {
  if (!answer || answer->status == 429 || answer->status >= 500) return Mark::unheard;
  return answer->status == 200 ? Mark::there : Mark::gone;
}

}  // namespace afterword::homeserver
