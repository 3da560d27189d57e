#include "base/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace afterword {
namespace {

void append_escaped(std::string& text, char character) {
  constexpr std::string_view hexadecimal = "0123456789abcdef";
  switch (character) {
    case '"':
    case '\\':
      text += '\\';
      text += character;
      break;
    case '\b':
      text += "\\b";
      break;
    case '\f':
      text += "\\f";
      break;
    case '\n':
      text += "\\n";
      break;
    case '\r':
      text += "\\r";
      break;
    case '\t':
      text += "\\t";
      break;
    default:
      text += "\\u00";
      text += hexadecimal[static_cast<unsigned char>(character) >> 4];
      text += hexadecimal[static_cast<unsigned char>(character) & 0xf];
  }
}

bool needs_escape(char character) {
  return character == '"' || character == '\\' || static_cast<unsigned char>(character) < 0x20;
}

// Whether any of eight characters does.
constexpr std::uint64_t in_each_byte(unsigned char byte) { return byte * std::uint64_t{0x0101010101010101}; }
constexpr bool any_needs_escape(std::uint64_t characters) {
  const auto less_than = [](std::uint64_t bytes, unsigned char limit) {
    return (bytes - in_each_byte(limit)) & ~bytes;
  };
  const auto equal_to = [&](char other) {
    return less_than(characters ^ in_each_byte(static_cast<unsigned char>(other)), 1);
  };
  return ((less_than(characters, 0x20) | equal_to('"') | equal_to('\\')) & in_each_byte(0x80)) != 0;
}

}  // namespace

JsonObjectWriter::JsonObjectWriter(std::string& text, std::size_t expected_bytes)
    : text_(text), written_(text.size() + 1) {
  text_ += '{';
  text_.resize(written_ + expected_bytes);
}

void JsonObjectWriter::end() {
  *room_for(1) = '}';
  text_.resize(written_ + 1);
}

void JsonObjectWriter::make_room_for(std::size_t bytes) {
  constexpr std::size_t more_bytes = 128;  // the next ones
  text_.resize(written_ + bytes + more_bytes);
}

bool JsonObjectWriter::needs_escapes(std::string_view value) {
  constexpr std::size_t at_once = sizeof(std::uint64_t);
  if (value.size() < at_once) return std::ranges::any_of(value, needs_escape);
  const auto any_at = [&](std::size_t place) {
    std::uint64_t characters = 0;
    std::memcpy(&characters, value.data() + place, at_once);
    return any_needs_escape(characters);
  };
  const std::size_t last = value.size() - at_once;  // what is before it is looked at twice
  for (std::size_t place = 0; place < last; place += at_once) {
    if (any_at(place)) return true;
  }
  return any_at(last);
}

void JsonObjectWriter::add_escaped(std::string_view name, std::string_view value) {
  std::string escaped = "\"";
  while (!value.empty()) {
    const auto first = std::ranges::find_if(value, needs_escape);
    escaped.append(value.begin(), first);
    value.remove_prefix(static_cast<std::size_t>(first - value.begin()));
    if (value.empty()) break;
    append_escaped(escaped, value.front());
    value.remove_prefix(1);
  }
  escaped += '"';
  add_json(name, escaped);
}

void JsonObjectWriter::add(std::string_view name, std::int64_t value) {
  constexpr std::size_t most_digits = std::numeric_limits<std::int64_t>::digits10 + 2;  // with a sign
  char* to = begin_member(name, most_digits);
  end_member(std::to_chars(to, to + most_digits, value).ptr);
}

void JsonObjectWriter::add_members_of(std::string_view object) {
  const std::string_view members = object.substr(1, object.size() - 2);
  if (members.empty()) return;
  char* to = room_for(members.size() + 1);
  if (!is_empty_) *to++ = ',';
  is_empty_ = false;
  end_member(put(members, to));
}

}  // namespace afterword
