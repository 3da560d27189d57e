// The head of an answer as bytes. Written by hand: Beast's serialiser takes a third of what a small request costs.
#pragma once

#include "http/head.h"
#include "http/message.h"

#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

// What the head says about its connection and its request.
struct AnswerContext {
  bool to_head_request = false;
  bool to_http_1_0 = false;
  bool keep_alive = true;  // never so if the framing is until_close
  std::string_view date;   // used unless the response has its own
};

// How the client knows where the body ends.
enum class Framing {
  none,        // there is no body: for HEAD, 1xx, 204 and 304
  length,      // its Content-Length
  chunked,     // the last chunk, where nobody knows the length yet
  until_close  // the end of the connection, for a client that does not know chunks
};
Framing framing_of(const Response& response, const AnswerContext& context);

// Framing is ours: the response's hop-by-hop headers are left out, and so is its Content-Length, unless it answers a
// HEAD request or is a 304. Nothing if the response cannot be written as one answer.
std::optional<Head> make_answer_head(const Response& response, const AnswerContext& context);

// The same for an interim answer, which says nothing about connection and framing.
std::optional<Head> make_interim_head(const Response& response);

}  // namespace afterword::http
