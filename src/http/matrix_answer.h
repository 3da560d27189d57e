// The form of every answer that is made here and not by the homeserver: JSON that web clients may read, and Matrix's
// standard error response. Errors about HTTP itself are made here too; those about what a request asks for stand in
// api/matrix_error.
#pragma once

#include "http/message.h"

#include <chrono>
#include <string>
#include <string_view>

namespace afterword::http {

// `body`: a JSON text.
Response json_answer(int status, std::string body);

// Whatever it said of that before.
void allow_web_clients(Response& response);

// For an answer that says when to ask again: a header in whole seconds, rounded up.
void set_retry_after(Response& response, std::chrono::milliseconds wait);

Response malformed_request();
Response head_too_large();
Response body_too_large();
Response no_room_in_memory();
Response handler_failed();
Response answer_not_writable();

}  // namespace afterword::http
