#include "http/answer_head.h"

#include "http/hop_by_hop.h"

#include <string>

namespace afterword::http {
namespace {

bool has_no_content(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

bool carries_body(const Response& response, const AnswerContext& context) {
  return !context.to_head_request && !has_no_content(response.status);
}

std::optional<Head> make_answer_head(const Response& response, const AnswerContext& context) {
  HeadWriter writer = HeadWriter::answer(response.status);
  bool has_date = false;
  bool has_length = has_no_content(response.status);
  for (const Header& header : response.headers) {
    if (is_hop_by_hop(header.name)) continue;
    if (equal_ignoring_case(header.name, "Content-Length")) {
      if (!context.to_head_request || has_length) continue;
      has_length = true;
    } else if (equal_ignoring_case(header.name, "Date")) {
      has_date = true;
    }
    writer.add(header.name, header.value);
  }
  if (!has_length) writer.add("Content-Length", std::to_string(response.body.size()));
  if (!has_date) writer.add("Date", context.date);
  if (!context.keep_alive) {
    writer.add("Connection", "close");
  } else if (context.to_http_1_0) {
    writer.add("Connection", "keep-alive");
  }
  return writer.finish();
}

}  // namespace afterword::http
