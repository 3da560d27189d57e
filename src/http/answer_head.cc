#include "http/answer_head.h"

#include "http/hop_by_hop.h"

#include <string>
#include <utility>

namespace afterword::http {
namespace {

constexpr int not_modified = 304;

bool has_no_content(int status) { return status < 200 || status == 204 || status == not_modified; }

bool is_about_framing(std::string_view name) {
  return is_hop_by_hop(name) || equal_ignoring_case(name, "Content-Length");
}

}  // namespace

Framing framing_of(const Response& response, const AnswerContext& context) {
  if (context.to_head_request || has_no_content(response.status)) return Framing::none;
  const bool is_known = response.rest ? response.rest->remaining_bytes().has_value() : !response.is_chunked;
  if (is_known) return Framing::length;
  if (!context.to_http_1_0) return Framing::chunked;
  return response.rest ? Framing::until_close : Framing::length;
}

std::optional<Head> make_answer_head(const Response& response, const AnswerContext& context) {
  const Framing framing = framing_of(response, context);
  HeadWriter writer = HeadWriter::answer(response.status, response.reason);
  bool has_date = false;
  std::optional<std::string> length;
  if (framing == Framing::length) {
    length = std::to_string(response.body.size() + (response.rest ? *response.rest->remaining_bytes() : 0));
  } else if (response.status == not_modified || (context.to_head_request && !has_no_content(response.status))) {
    // That of the body that a GET would have, as far as anybody has said it.
    const auto said = response.headers.find("Content-Length");
    if (said) length = *said;
    if (!said && !response.body.empty()) length = std::to_string(response.body.size());
  }
  for (const Header& header : response.headers) {
    if (is_about_framing(header.name)) continue;
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

std::optional<Head> make_interim_head(const Response& response) {
  HeadWriter writer = HeadWriter::interim_answer(response.status, response.reason);
  for (const Header& header : response.headers) {
    if (!is_about_framing(header.name)) writer.add(header.name, header.value);
  }
  return writer.finish();
}

}  // namespace afterword::http
