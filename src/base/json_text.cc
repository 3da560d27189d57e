#include "base/json_text.h"

#include "base/encoding.h"
#include "base/read_number.h"

#include <algorithm>

namespace afterword {
namespace {

// Of texts that are known to be well-formed. They need not be checked again, which makes these several times as fast as
// the scanner.

std::size_t end_of_string(std::string_view text, std::size_t begin) {
  std::size_t at = begin + 1;
  while (text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

std::size_t end_of_value(std::string_view text, std::size_t begin) {
  if (text[begin] == '"') return end_of_string(text, begin);
  if (text[begin] != '{' && text[begin] != '[') return std::min(text.find_first_of(" \t\n\r,]}", begin), text.size());
  std::size_t depth = 0;
  for (std::size_t at = begin;;) {
    switch (text[at]) {
      case '"':
        at = end_of_string(text, at);
        continue;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) return at + 1;
        break;
      default:
        break;
    }
    ++at;
  }
}

}  // namespace

std::optional<JsonText> JsonText::read(std::string_view text) {
  JsonScanner scanner(text);
  const JsonToken first = scanner.next();
  const std::size_t end = scanner.skip_value(first);
  if (scanner.next().kind != JsonToken::Kind::end) return std::nullopt;
  return JsonText(text.substr(first.begin, end - first.begin));
}

std::optional<JsonText> JsonText::next_part(std::size_t& at) const {
  const std::size_t begin = text_.find_first_not_of(" \t\n\r,:", at);
  if (begin + 1 == text_.size()) return std::nullopt;
  at = end_of_value(text_, begin);
  return JsonText(text_.substr(begin, at - begin));
}

std::optional<std::string> JsonText::string() const {
  if (text_.front() != '"' || !is_valid_utf8(text_)) return std::nullopt;
  std::string buffer;
  return std::string(text_of_string(text_, buffer));
}

std::optional<std::int64_t> JsonText::integer() const { return read_number<std::int64_t>(text_); }

bool JsonText::is(std::string_view expected) const {
  std::string buffer;
  return text_.front() == '"' && text_of_string(text_, buffer) == expected;
}

std::optional<JsonText> JsonText::member(std::string_view name) const { return members<1>({name}).front(); }

}  // namespace afterword
