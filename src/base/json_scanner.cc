#include "base/json_scanner.h"

#include "base/text.h"

namespace afterword {
namespace {

using Kind = JsonToken::Kind;

// Of the characters of a string.
bool stands_for_itself(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

// Of four hexadecimal digits.
std::uint32_t code_unit(std::string_view digits) {
  std::uint32_t unit = 0;
  for (const char digit : digits) unit = unit << 4 | static_cast<std::uint32_t>(hex_value(digit));
  return unit;
}

bool is_high_surrogate(std::uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low_surrogate(std::uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

void append_utf8(std::string& output, std::uint32_t code_point) {
  const auto append = [&](std::uint32_t byte) { output += static_cast<char>(byte); };
  if (code_point < 0x80) {
    append(code_point);
  } else if (code_point < 0x800) {
    append(0xc0 | code_point >> 6);
    append(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    append(0xe0 | code_point >> 12);
    append(0x80 | (code_point >> 6 & 0x3f));
    append(0x80 | (code_point & 0x3f));
  } else {
    append(0xf0 | code_point >> 18);
    append(0x80 | (code_point >> 12 & 0x3f));
    append(0x80 | (code_point >> 6 & 0x3f));
    append(0x80 | (code_point & 0x3f));
  }
}

// Takes one escape, without its backslash, off `rest`. It is well-formed: the scanner has read it.
void append_unescaped(std::string& output, std::string_view& rest) {
  const char kind = rest.front();
  rest.remove_prefix(1);
  switch (kind) {
    case 'b':
      output += '\b';
      return;
    case 'f':
      output += '\f';
      return;
    case 'n':
      output += '\n';
      return;
    case 'r':
      output += '\r';
      return;
    case 't':
      output += '\t';
      return;
    case 'u':
      break;
    default:  // a quote, a slash or a backslash
      output += kind;
      return;
  }
  std::uint32_t code_point = code_unit(rest.substr(0, 4));
  rest.remove_prefix(4);
  if (is_high_surrogate(code_point) && rest.starts_with("\\u") && is_low_surrogate(code_unit(rest.substr(2, 4)))) {
    code_point = 0x10000 + ((code_point - 0xd800) << 10) + (code_unit(rest.substr(2, 4)) - 0xdc00);
    rest.remove_prefix(6);
  }
  const bool is_half_a_pair = is_high_surrogate(code_point) || is_low_surrogate(code_point);
  append_utf8(output, is_half_a_pair ? 0xfffd : code_point);
}

}  // namespace

JsonToken JsonScanner::next() {
  skip_whitespace();
  if (expected_ == Expected::first_or_close || expected_ == Expected::comma_or_close) {
    if (peek() == (in_object() ? '}' : ']')) return close();
    if (expected_ == Expected::comma_or_close) {
      if (peek() != ',') return fail();
      ++at_;
      skip_whitespace();
    }
    expected_ = in_object() ? Expected::key : Expected::value;
  }
  switch (expected_) {
    case Expected::key:
      return read_key();
    case Expected::value:
      return read_value();
    case Expected::end_of_text:
      return at_ == text_.size() ? JsonToken{Kind::end, at_, at_} : fail();
    default:
      return fail();
  }
}

std::size_t JsonScanner::skip_value(const JsonToken& first) {
  if (first.kind != Kind::begin_object && first.kind != Kind::begin_array) return first.end;
  JsonToken last = first;
  for (const std::size_t depth = is_object_.size(); is_object_.size() >= depth;) {
    last = next();
    if (last.kind == Kind::invalid) break;
  }
  return last.end;
}

JsonToken JsonScanner::open(Kind kind) {
  if (is_object_.size() == max_depth) return fail();
  is_object_.push_back(kind == Kind::begin_object);
  expected_ = Expected::first_or_close;
  ++at_;
  return {kind, at_ - 1, at_};
}

JsonToken JsonScanner::close() {
  const Kind kind = in_object() ? Kind::end_object : Kind::end_array;
  is_object_.pop_back();
  expect_next();
  ++at_;
  return {kind, at_ - 1, at_};
}

JsonToken JsonScanner::read_key() {
  const std::size_t begin = at_;
  if (!skip_string()) return fail();
  const std::size_t end = at_;
  skip_whitespace();
  if (peek() != ':') return fail();
  ++at_;
  expected_ = Expected::value;
  return {Kind::key, begin, end};
}

JsonToken JsonScanner::read_value() {
  const std::size_t begin = at_;
  Kind kind = Kind::other;
  bool is_well_formed = false;
  switch (peek()) {
    case '{':
      return open(Kind::begin_object);
    case '[':
      return open(Kind::begin_array);
    case '"':
      kind = Kind::string;
      is_well_formed = skip_string();
      break;
    case 'n':
      kind = Kind::null;
      is_well_formed = skip_literal("null");
      break;
    case 't':
      is_well_formed = skip_literal("true");
      break;
    case 'f':
      is_well_formed = skip_literal("false");
      break;
    default:
      is_well_formed = skip_number();
  }
  if (!is_well_formed) return fail();
  expect_next();
  return {kind, begin, at_};
}

JsonToken JsonScanner::fail() {
  expected_ = Expected::nothing;
  return {Kind::invalid, at_, at_};
}

void JsonScanner::skip_whitespace() {
  while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
}

bool JsonScanner::skip_string() {
  if (peek() != '"') return false;
  ++at_;
  for (;;) {
    std::size_t at = at_;  // a local is kept in a register: this loop reads most of a text
    while (at < text_.size() && stands_for_itself(text_[at])) ++at;
    at_ = at;
    const char c = peek();
    ++at_;
    if (c == '"') return true;
    if (c != '\\' || !skip_escape()) return false;
  }
}

bool JsonScanner::skip_escape() {
  constexpr std::string_view single = "\"\\/bfnrt";
  const char kind = peek();
  ++at_;
  if (kind != 'u') return single.find(kind) != std::string_view::npos;
  for (int i = 0; i < 4; ++i, ++at_) {
    if (hex_value(peek()) < 0) return false;
  }
  return true;
}

bool JsonScanner::skip_number() {
  if (peek() == '-') ++at_;
  if (peek() == '0') {
    ++at_;
  } else if (!skip_digits()) {
    return false;
  }
  if (peek() == '.') {
    ++at_;
    if (!skip_digits()) return false;
  }
  if (peek() == 'e' || peek() == 'E') {
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!skip_digits()) return false;
  }
  return true;
}

bool JsonScanner::skip_digits() {
  const std::size_t begin = at_;
  while (peek() >= '0' && peek() <= '9') ++at_;
  return at_ > begin;
}

bool JsonScanner::skip_literal(std::string_view literal) {
  if (!text_.substr(at_).starts_with(literal)) return false;
  at_ += literal.size();
  return true;
}

void JsonScanner::expect_next() { expected_ = is_object_.empty() ? Expected::end_of_text : Expected::comma_or_close; }

std::string_view text_of_string(std::string_view quoted, std::string& buffer) {
  std::string_view rest = quoted.substr(1, quoted.size() - 2);
  std::size_t backslash = rest.find('\\');
  if (backslash == std::string_view::npos) return rest;
  buffer.clear();
  while (backslash != std::string_view::npos) {
    buffer += rest.substr(0, backslash);
    rest.remove_prefix(backslash + 1);
    append_unescaped(buffer, rest);
    backslash = rest.find('\\');
  }
  buffer += rest;
  return buffer;
}

}  // namespace afterword
