#include "http/answer_head.h"

#include "http/hop_by_hop.h"

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <iterator>

namespace afterword::http {
namespace {

bool has_no_content(int status) { return status < 200 || status == 204 || status == 304; }

void append_header(std::string& output, std::string_view name, std::string_view value) {
  output.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool carries_body(const Response& response, const AnswerContext& context) {
  return !context.to_head_request && !has_no_content(response.status);
}

void append_answer_head(std::string& output, const Response& response, const AnswerContext& context) {
  const std::string_view reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
  fmt::format_to(std::back_inserter(output), "HTTP/1.1 {} {}\r\n", response.status, reason);

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
    append_header(output, header.name, header.value);
  }
  if (!has_length) fmt::format_to(std::back_inserter(output), "Content-Length: {}\r\n", response.body.size());
  if (!has_date) append_header(output, "Date", context.date);
  if (!context.keep_alive) {
    append_header(output, "Connection", "close");
  } else if (context.to_http_1_0) {
    append_header(output, "Connection", "keep-alive");
  }
  output.append("\r\n");
}

}  // namespace afterword::http
