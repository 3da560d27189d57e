// A body in a string that grows with what arrives: a Content-Length alone makes nobody allocate. It takes little more
// memory than that: never more than was announced, or, where nothing was, a quarter more than has arrived.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace afterword::http {

class GrowingBody {
 public:
  // What there is of it. Whoever takes it in pieces empties it.
  std::string& text() { return text_; }

  void announce(std::optional<std::uint64_t> bytes) {
    announced_bytes_ = static_cast<std::size_t>(bytes.value_or(0));
    text_.reserve(std::min(announced_bytes_, trusted_bytes));
  }

  void append(std::string_view piece) {
    make_room_for(text_.size() + piece.size());
    text_.append(piece);
  }

 private:
  static constexpr std::size_t trusted_bytes = 64 * 1024;

  // A string that grows by itself doubles.
  void make_room_for(std::size_t bytes) {
    if (bytes <= std::max(text_.capacity(), trusted_bytes)) return;
    std::string larger;
    larger.reserve(bytes <= announced_bytes_ ? std::min(2 * bytes, announced_bytes_) : bytes + bytes / 4);
    larger += text_;
    text_ = std::move(larger);
  }

  std::string text_;
  std::size_t announced_bytes_ = 0;
};

}  // namespace afterword::http
