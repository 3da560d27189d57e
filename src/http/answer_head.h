// The head of an answer as bytes. Written by hand: Beast's serialiser takes a third of what a small request costs.
#pragma once

#include "http/message.h"

#include <string>
#include <string_view>

namespace afterword::http {

// What the head says about its connection and its request.
struct AnswerContext {
  bool to_head_request = false;
  bool to_http_1_0 = false;
  bool keep_alive = true;
  std::string_view date;  // used unless the response has its own
};

// Whether the body is sent: not for HEAD, 1xx, 204 and 304.
bool carries_body(const Response& response, const AnswerContext& context);

// Appends the status line and the headers, up to and with the empty line. Framing is ours: the response's hop-by-hop
// headers are left out, and so is its Content-Length, unless it answers a HEAD request.
void append_answer_head(std::string& output, const Response& response, const AnswerContext& context);

}  // namespace afterword::http
