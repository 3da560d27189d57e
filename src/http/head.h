// The head of a message as it goes onto the wire. This is the only place that writes one.
//
// Whatever a HeadWriter is given, what it makes is one head and nothing more: a text that would end its line, its word
// or the head itself cannot be written, and then there is no Head. So what came from a client can be sent on, and never
// becomes a header or a request of its own.
#pragma once

#include "base/memory_pool.h"

#include <optional>
#include <string>
#include <string_view>

namespace afterword::http {

class Head {
 public:
  // From the first line up to and with the empty one.
  std::string_view text() const { return text_; }

 private:
  friend class HeadWriter;
  explicit Head(PooledString text) : text_(std::move(text)) {}

  PooledString text_;
};

// 100, which asks for the body of the request.
inline constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

class HeadWriter {
 public:
  static HeadWriter request(std::string_view method, std::string_view target, std::string_view host);
  // A final one: 200 to 599. `reason`: the words behind the status; empty: the usual ones.
  static HeadWriter answer(int status, std::string_view reason = {});
  // One before the final one: 102 to 199.
  static HeadWriter interim_answer(int status, std::string_view reason = {});

  void add(std::string_view name, std::string_view value);

  // Nothing if any part cannot be written. Call once.
  std::optional<Head> finish();

 private:
  HeadWriter() = default;
  static HeadWriter any_answer(int status, std::string_view reason);

  PooledString text_;
  bool is_sound_ = true;
};

}  // namespace afterword::http
