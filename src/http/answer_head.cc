#include "http/answer_head.h"

#include "http/hop_by_hop.h"

#include <string>

namespace afterword::http {
namespace {

bool has_no_content(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

Framing framing_of(const Response& response, const AnswerContext& context) {
  if (context.to_head_request || has_no_content(response.status)) return Framing::none;
  if (!response.rest || response.rest->remaining_bytes()) return Framing::length;
  return context.to_http_1_0 ? Framing::until_close : Framing::chunked;
}

std::optional<Head> make_answer_head(const Response& response, const AnswerContext& context) {
  const Framing framing = framing_of(response, context);
  HeadWriter writer = HeadWriter::answer(response.status);
  bool has_date = false;
  std::optional<std::string> length;
  if (framing == Framing::length) {
    length = std::to_string(response.body.size() + (response.rest ? *response.rest->remaining_bytes() : 0));
  } else if (framing == Framing::none && context.to_head_request && !has_no_content(response.status)) {
    // That of the body that a GET would have, as far as anybody has said it.
    const auto said = response.headers.find("Content-Length");
    if (said) length = *said;
    if (!said && !response.body.empty()) length = std::to_string(response.body.size());
  }
  for (const Header& header : response.headers) {
    if (is_hop_by_hop(header.name) || equal_ignoring_case(header.name, "Content-Length")) continue;
    has_date = has_date || equal_ignoring_case(header.name, "Date");
    writer.add(header.name, header.value);
  }
  if (length) writer.add("Content-Length", *length);
  if (framing == Framing::chunked) writer.add("Transfer-Encoding", "chunked");
  if (!has_date) writer.add("Date", context.date);
  if (!context.keep_alive) {
    writer.add("Connection", "close");
  } else if (context.to_http_1_0) {
    writer.add("Connection", "keep-alive");
  }
  return writer.finish();
}

}  // namespace afterword::http
