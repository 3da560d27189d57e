#include "http/matrix_answer.h"

#include "base/json.h"

namespace afterword::http {
namespace {

// What is held in memory goes as soon as slow clients are cut or done.
constexpr std::chrono::seconds until_there_is_room{10};

Response error_answer(int status, std::string_view errcode, std::string_view error) {
  return json_answer(status, to_text(json::object{{"errcode", errcode}, {"error", error}}));
}

}  // namespace

Response json_answer(int status, std::string body) {
  static const Headers headers = [] {
    Response constant;
    constant.headers.add("Content-Type", "application/json");
    allow_web_clients(constant);
    return constant.headers;
  }();
  Response response;
  response.status = status;
  response.headers = headers;
  response.body = std::move(body);
  return response;
}

void allow_web_clients(Response& response) {
  // Matrix client-server API, section "Web Browser Clients".
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization, Date");
  response.headers.set("Access-Control-Expose-Headers", "Retry-After");
}

void set_retry_after(Response& response, std::chrono::milliseconds wait) {
  response.headers.set("Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

Response malformed_request() { return error_answer(400, "M_UNKNOWN", "Not a well-formed HTTP request"); }

Response head_too_large() { return error_answer(431, "M_UNKNOWN", "The request's headers are too large"); }

Response body_too_large() { return error_answer(413, "M_TOO_LARGE", "The request's body is too large"); }

Response no_room_in_memory() {
  Response response = error_answer(503, "M_UNKNOWN", "Too much is held in memory at present; try again later");
  set_retry_after(response, until_there_is_room);
  return response;
}

Response handler_failed() { return error_answer(500, "M_UNKNOWN", "Internal server error"); }

Response answer_not_writable() { return error_answer(502, "M_UNKNOWN", "The homeserver's answer cannot be passed on"); }

}  // namespace afterword::http
