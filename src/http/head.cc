#include "http/head.h"

#include "http/head_syntax.h"

#include <boost/beast/http/status.hpp>

#include <string>
#include <utility>

namespace afterword::http {
namespace {

constexpr std::size_t usual_bytes = 512;

}  // namespace

HeadWriter HeadWriter::request(std::string_view method, std::string_view target, std::string_view host) {
  HeadWriter writer;
  writer.is_sound_ = is_token(method) && is_target(target) && is_host(host);
  writer.text_.reserve(usual_bytes + target.size());
  writer.text_.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  return writer;
}

HeadWriter HeadWriter::answer(int status, std::string_view reason) {
  HeadWriter writer = any_answer(status, reason);
  writer.is_sound_ = writer.is_sound_ && status >= 200 && status < 600;
  return writer;
}

HeadWriter HeadWriter::interim_answer(int status, std::string_view reason) {
  HeadWriter writer = any_answer(status, reason);
  writer.is_sound_ = writer.is_sound_ && status >= 102 && status < 200;
  return writer;
}

HeadWriter HeadWriter::any_answer(int status, std::string_view reason) {
  HeadWriter writer;
  writer.is_sound_ = is_header_value(reason);
  writer.text_.reserve(usual_bytes);
  if (reason.empty()) {
    reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  }
  writer.text_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason).append("\r\n");
  return writer;
}

void HeadWriter::add(std::string_view name, std::string_view value) {
  is_sound_ = is_sound_ && is_token(name) && is_header_value(value);
  text_.append(name).append(": ").append(value).append("\r\n");
}

std::optional<Head> HeadWriter::finish() {
  if (!is_sound_) return std::nullopt;
  text_.append("\r\n");
  return Head(std::move(text_));
}

}  // namespace afterword::http
