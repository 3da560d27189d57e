// Where a message's body begins and ends.
#pragma once

#include "base/memory_pool.h"
#include "http/growing_body.h"
#include "http/head_syntax.h"
#include "http/message.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

// Whether the length of the body can be understood in one way only (RFC 9112 section 6): two lengths, even equal ones,
// a length beside a transfer coding, and codings other than "chunked" are ways to smuggle one message within another.
// `version`: 10 or 11.
inline bool has_one_length(const Headers& headers, int version) {
  std::optional<std::string_view> length;
  std::optional<std::string_view> coding;
  for (const Header& header : headers) {
    const bool is_length = equal_ignoring_case(header.name, "Content-Length");
    if (!is_length && !equal_ignoring_case(header.name, "Transfer-Encoding")) continue;
    if (length || coding) return false;
    (is_length ? length : coding) = header.value;
  }
  if (length) return std::ranges::all_of(*length, [](char digit) { return digit >= '0' && digit <= '9'; });
  return !coding || (version >= 11 && equal_ignoring_case(*coding, "chunked"));
}

// Reads the first line of a message, and its body as it is framed, with Beast. Its headers are read by Headers::read().
//
// It refuses a line end within the extension of a chunk: for some readers the chunk begins there.
template <bool is_request>
class StrictParser : public boost::beast::http::basic_parser<is_request>, public Pooled {
 public:
  // Of a request.
  std::string method;
  std::string target;
  // Of an answer.
  int status = 0;
  std::string reason;

  int version = 11;  // 10 for HTTP/1.0

  // What has arrived of it.
  std::string& body() { return body_.text(); }

 private:
  using Text = boost::beast::string_view;
  using Error = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb, Text method_text, Text target_text, int version_number,
                       Error&) override {
    method = method_text;
    target = target_text;
    version = version_number;
  }
  void on_response_impl(int code, Text reason_text, int version_number, Error&) override {
    status = code;
    reason = reason_text;
    version = version_number;
  }
  void on_field_impl(boost::beast::http::field, Text, Text, Error&) override {}
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& announced_bytes, Error&) override {
    body_.announce(announced_bytes ? std::optional(*announced_bytes) : std::nullopt);
  }
  std::size_t on_body_impl(Text piece, Error&) override {
    body_.append(piece);
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text extension, Error& error) override {
    if (!is_header_value(extension)) error = boost::beast::http::error::bad_chunk_extension;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text piece, Error&) override {
    body_.append(piece);
    return piece.size();
  }
  void on_finish_impl(Error&) override {}

  GrowingBody body_;
};

}  // namespace afterword::http
