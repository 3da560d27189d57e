#include "base/json_scanner.h"

#include "base/text.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace afterword {
namespace {

using Kind = JsonToken::Kind;

// Of the characters of a string.
bool stands_for_itself(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Where the characters that stand for themselves end. Most of a text is such, so many are looked at at once.
std::size_t end_of_plain(std::string_view text, std::size_t at) {
  using Bytes [[gnu::vector_size(16)]] = unsigned char;
  using Words [[gnu::vector_size(16)]] = std::uint64_t;
  for (Bytes bytes{}; at + sizeof bytes <= text.size(); at += sizeof bytes) {
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const auto special = std::bit_cast<Words>((bytes < 0x20) | (bytes == '"') | (bytes == '\\'));
    if ((special[0] | special[1]) == 0) continue;
    // The first byte of which all bits are set.
    if constexpr (std::endian::native != std::endian::little) break;
    const bool is_behind = special[0] == 0;
    return at + (is_behind ? 8 : 0) + static_cast<std::size_t>(std::countr_zero(special[is_behind ? 1 : 0])) / 8;
  }
  while (at < text.size() && stands_for_itself(text[at])) ++at;
  return at;
}

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

void JsonScanner::read(std::string_view piece) {
  piece_begin_ += piece_.size();
  piece_ = piece;
  at_ = 0;
}

JsonToken JsonScanner::next() {
  if (within_ != Within::nothing) return go_on();
  for (;;) {
    skip_whitespace();
    if (at_end()) {
      if (expected_ == Expected::nothing) return fail();
      if (!is_last_) return {Kind::more, place(), place()};
      return expected_ == Expected::end_of_text ? JsonToken{Kind::end, place(), place()} : fail();
    }
    const char c = piece_[at_];
    switch (expected_) {
      case Expected::key_or_close:
      case Expected::value_or_close:
        if (c == (in_object() ? '}' : ']')) return close();
        expected_ = in_object() ? Expected::key : Expected::value;
        break;
      case Expected::comma_or_close:
        if (c == (in_object() ? '}' : ']')) return close();
        if (c != ',') return fail();
        ++at_;
        expected_ = in_object() ? Expected::key : Expected::value;
        break;
      case Expected::colon:
        if (c != ':') return fail();
        ++at_;
        expected_ = Expected::value;
        break;
      case Expected::key:
        return c == '"' ? begin_scalar(c) : fail();
      case Expected::value:
        if (c == '{') return open(Kind::begin_object);
        if (c == '[') return open(Kind::begin_array);
        return begin_scalar(c);
      default:
        return fail();
    }
  }
}

std::size_t JsonScanner::skip_value(const JsonToken& first) {
  if (first.kind != Kind::begin_object && first.kind != Kind::begin_array) return first.end;
  JsonToken last = first;
  for (const std::size_t outside = depth() - 1; depth() > outside;) {
    last = next();
    if (last.kind == Kind::invalid) break;
  }
  return last.end;
}

JsonToken JsonScanner::open(Kind kind) {
  if (depth() == max_depth) return fail();
  is_object_.push_back(kind == Kind::begin_object);
  expected_ = kind == Kind::begin_object ? Expected::key_or_close : Expected::value_or_close;
  ++at_;
  return {kind, place() - 1, place()};
}

JsonToken JsonScanner::close() {
  const Kind kind = in_object() ? Kind::end_object : Kind::end_array;
  is_object_.pop_back();
  expect_next();
  ++at_;
  return {kind, place() - 1, place()};
}

JsonToken JsonScanner::begin_scalar(char first) {
  token_begin_ = place();
  kind_ = Kind::other;
  switch (first) {
    case '"':
      ++at_;
      within_ = Within::string;
      kind_ = expected_ == Expected::key ? Kind::key : Kind::string;
      escape_ = 0;
      kept_.clear();
      is_kept_ = true;
      break;
    case 'n':
      within_ = Within::literal;
      kind_ = Kind::null;
      literal_ = "null";
      break;
    case 't':
      within_ = Within::literal;
      literal_ = "true";
      break;
    case 'f':
      within_ = Within::literal;
      literal_ = "false";
      break;
    case '-':
      ++at_;
      within_ = Within::number;
      number_ = Number::minus;
      break;
    default:
      if (!is_digit(first)) return fail();
      ++at_;
      within_ = Within::number;
      number_ = first == '0' ? Number::zero : Number::integer;
  }
  return go_on();
}

// With the token that is Within.
JsonToken JsonScanner::go_on() {
  const Progress progress = within_ == Within::string    ? read_string()
                            : within_ == Within::literal ? read_literal()
                                                         : read_number();
  if (progress == Progress::malformed) return fail();
  if (progress == Progress::cut) {
    if (is_last_) return fail();
    if (within_ == Within::string) keep_string();
    return {Kind::more, place(), place()};
  }
  if (within_ == Within::string) end_string(token_begin_);
  within_ = Within::nothing;
  if (kind_ == Kind::key) {
    expected_ = Expected::colon;
  } else {
    expect_next();
  }
  return {kind_, token_begin_, place()};
}

JsonToken JsonScanner::fail() {
  within_ = Within::nothing;
  expected_ = Expected::nothing;
  return {Kind::invalid, place(), place()};
}

JsonScanner::Progress JsonScanner::read_string() {
  for (;;) {
    if (escape_ > 0) {
      const Progress progress = read_escape();
      if (progress != Progress::whole) return progress;
    }
    at_ = end_of_plain(piece_, at_);
    if (at_end()) return Progress::cut;
    const char c = piece_[at_++];
    if (c == '"') return Progress::whole;
    if (c != '\\') return Progress::malformed;
    escape_ = 5;
  }
}

JsonScanner::Progress JsonScanner::read_escape() {
  constexpr std::string_view single = "\"\\/bfnrt";
  for (; escape_ > 0; ++at_) {
    if (at_end()) return Progress::cut;
    const char c = piece_[at_];
    if (escape_ == 5 && c != 'u') {
      if (single.find(c) == std::string_view::npos) return Progress::malformed;
      escape_ = 0;
    } else {
      if (escape_ < 5 && hex_value(c) < 0) return Progress::malformed;
      --escape_;
    }
  }
  return Progress::whole;
}

JsonScanner::Progress JsonScanner::read_literal() {
  const std::size_t size = std::min(literal_.size(), piece_.size() - at_);
  if (piece_.substr(at_, size) != literal_.substr(0, size)) return Progress::malformed;
  at_ += size;
  literal_.remove_prefix(size);
  return literal_.empty() ? Progress::whole : Progress::cut;
}

// A number ends with what cannot belong to it.
JsonScanner::Progress JsonScanner::read_number() {
  for (;; ++at_) {
    const bool may_end = number_ == Number::zero || number_ == Number::integer || number_ == Number::fraction ||
                         number_ == Number::exponent;
    if (at_end()) return is_last_ && may_end ? Progress::whole : Progress::cut;
    const char c = piece_[at_];
    const bool is_mark = c == 'e' || c == 'E';
    std::optional<Number> next;
    switch (number_) {
      case Number::minus:
        if (is_digit(c)) next = c == '0' ? Number::zero : Number::integer;
        break;
      case Number::zero:
      case Number::integer:
        if (c == '.') next = Number::point;
        if (is_mark) next = Number::exponent_mark;
        if (is_digit(c) && number_ == Number::integer) next = Number::integer;
        break;
      case Number::point:
      case Number::fraction:
        if (is_digit(c)) next = Number::fraction;
        if (is_mark && number_ == Number::fraction) next = Number::exponent_mark;
        break;
      case Number::exponent_mark:
        if (c == '+' || c == '-') next = Number::exponent_sign;
        [[fallthrough]];
      case Number::exponent_sign:
      case Number::exponent:
        if (is_digit(c)) next = Number::exponent;
        break;
    }
    if (!next) return may_end ? Progress::whole : Progress::malformed;
    number_ = *next;
  }
}

// What has come of it, for the piece goes.
void JsonScanner::keep_string() {
  const std::size_t begin = token_begin_ > piece_begin_ ? token_begin_ - piece_begin_ : 0;
  const std::string_view part = piece_.substr(begin);
  is_kept_ = is_kept_ && kept_.size() + part.size() <= max_kept_bytes;
  is_kept_ ? void(kept_ += part) : kept_.clear();
}

void JsonScanner::end_string(std::size_t begin) {
  if (begin >= piece_begin_) {
    quoted_ = piece_.substr(begin - piece_begin_, at_ - (begin - piece_begin_));
    return;
  }
  is_kept_ = is_kept_ && kept_.size() + at_ <= max_kept_bytes;
  if (is_kept_) kept_ += piece_.substr(0, at_);
  quoted_ = is_kept_ ? std::string_view(kept_) : std::string_view();
}

void JsonScanner::expect_next() { expected_ = is_object_.empty() ? Expected::end_of_text : Expected::comma_or_close; }

std::string_view text_of_string(std::string_view quoted, std::string& buffer) {
  if (quoted.empty()) return {};
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
