// Whether the length of a message's body can be understood in one way only (RFC 9112 section 6): two lengths, even
// equal ones, a length beside a transfer coding, and codings other than "chunked" are ways to smuggle one message
// within another. `head` is Beast's, of either kind.
#pragma once

#include "http/growing_body.h"
#include "http/head_syntax.h"
#include "http/message.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace afterword::http {

template <class BeastHead>
bool has_one_length(const BeastHead& head) {
  namespace beast_http = boost::beast::http;
  const auto lengths = head.count(beast_http::field::content_length);
  const auto codings = head.count(beast_http::field::transfer_encoding);
  if (lengths + codings > 1) return false;
  if (lengths == 1) {
    const std::string_view length = head[beast_http::field::content_length];
    return std::ranges::all_of(length, [](char digit) { return digit >= '0' && digit <= '9'; });
  }
  return codings == 0 ||
         (head.version() >= 11 && equal_ignoring_case(head[beast_http::field::transfer_encoding], "chunked"));
}

// Beast's parser, but that it refuses a line end within the extension of a chunk: for some readers the chunk begins
// there.
template <bool is_request>
class StrictParser : public boost::beast::http::parser<is_request, GrowingBody> {
 public:
  StrictParser() { this->on_chunk_header(check_chunk_); }

 private:
  static void check_chunk(std::uint64_t, std::string_view extension, boost::beast::error_code& error) {
    if (!is_header_value(extension)) error = boost::beast::http::error::bad_chunk_extension;
  }

  void (*check_chunk_)(std::uint64_t, std::string_view, boost::beast::error_code&) = &check_chunk;
};

}  // namespace afterword::http
