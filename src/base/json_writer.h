// Writes a JSON object as text, without a tree of it.
//
// While it writes, its text has room behind what is written, so that a member is written in place; end() cuts that off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace afterword {

class JsonObjectWriter {
 public:
  // At the end of `text`, which outlives it, and is its own until end(). More than `expected_bytes` cost a little more.
  explicit JsonObjectWriter(std::string& text, std::size_t expected_bytes = 64);

  // `name` needs no escapes. The value is in UTF-8.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::int64_t value);
  // A value that is JSON already.
  void add_json(std::string_view name, std::string_view value);
  // Those of an object that is JSON already, in its shortest form.
  void add_members_of(std::string_view object);

  // Call once, after all members.
  void end();

 private:
  static bool needs_escapes(std::string_view value);
  void add_escaped(std::string_view name, std::string_view value);

  // Begins a member whose value has so many bytes; where that goes. Then end_member().
  char* begin_member(std::string_view name, std::size_t value_bytes);
  void end_member(const char* end) { written_ = static_cast<std::size_t>(end - text_.data()); }
  char* room_for(std::size_t bytes) {
    if (text_.size() - written_ < bytes) make_room_for(bytes);
    return text_.data() + written_;
  }
  void make_room_for(std::size_t bytes);
  static char* put(std::string_view piece, char* to) {
    std::memcpy(to, piece.data(), piece.size());
    return to + piece.size();
  }

  std::string& text_;
  std::size_t written_;  // of the text
  bool is_empty_ = true;
};

// What is called for each member of each event is here, so that the names are known where it is compiled.

inline char* JsonObjectWriter::begin_member(std::string_view name, std::size_t value_bytes) {
  constexpr std::string_view around_name = R"(,"":)";
  char* to = room_for(name.size() + around_name.size() + value_bytes);
  if (!is_empty_) *to++ = ',';
  is_empty_ = false;
  *to++ = '"';
  to = put(name, to);
  return put("\":", to);
}

inline void JsonObjectWriter::add_json(std::string_view name, std::string_view value) {
  end_member(put(value, begin_member(name, value.size())));
}

inline void JsonObjectWriter::add(std::string_view name, std::string_view value) {
  if (needs_escapes(value)) return add_escaped(name, value);
  constexpr std::string_view quotes = R"("")";
  char* to = begin_member(name, value.size() + quotes.size());
  *to++ = '"';
  to = put(value, to);
  *to++ = '"';
  end_member(to);
}

}  // namespace afterword
