#include "base/json_writer.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

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

}  // namespace

void JsonObjectWriter::add(std::string_view name, std::string_view value) {
  add_name(name);
  text_ += '"';
  while (!value.empty()) {
    const auto escaped = std::find_if(value.begin(), value.end(), needs_escape);
    text_.append(value.begin(), escaped);
    value.remove_prefix(static_cast<std::size_t>(escaped - value.begin()));
    if (value.empty()) break;
    append_escaped(text_, value.front());
    value.remove_prefix(1);
  }
  text_ += '"';
}

void JsonObjectWriter::add(std::string_view name, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  add_json(name, {digits.data(), end});
}

void JsonObjectWriter::add_json(std::string_view name, std::string_view value) {
  add_name(name);
  text_ += value;
}

void JsonObjectWriter::add_members_of(std::string_view object) {
  const std::string_view members = object.substr(1, object.size() - 2);
  if (members.empty()) return;
  add_comma();
  text_ += members;
}

void JsonObjectWriter::add_comma() {
  if (!std::exchange(is_empty_, false)) text_ += ',';
}

void JsonObjectWriter::add_name(std::string_view name) {
  add_comma();
  text_ += '"';
  text_ += name;
  text_ += "\":";
}

}  // namespace afterword
