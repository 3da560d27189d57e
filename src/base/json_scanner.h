// Reads JSON text as tokens with their places in it, so that a text can be changed here and there and stay byte for
// byte the same elsewhere. A parsed value could not tell where it stood. The text may come in pieces, cut anywhere.
//
// One pass, no copy, no recursion; a bit for each level of nesting is all it keeps, and of a key or a string that is
// cut in two, the beginning. It checks the whole grammar of RFC 8259, but for two things: whether the text is UTF-8
// (see is_valid_utf8), and whether surrogates escaped in a string come in pairs, which the grammar does not ask.
//
// Lifecycle: call next() until it returns `end` or `invalid`; it then goes on returning that. Of a text in pieces:
// until it returns `more`, and then read() with the next piece, or finish(). The present piece outlives the calls of
// next().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword {

struct JsonToken {
  enum class Kind : std::uint8_t {
    begin_object,
    end_object,
    begin_array,
    end_array,
    key,  // without its colon; commas and colons are no tokens
    string,
    null,
    other,    // a number, true or false
    end,      // of a text that is valid JSON
    more,     // the piece ends here
    invalid,  // the text is not JSON, or nests too deep
  };

  Kind kind = Kind::invalid;
  // In the text, not in the piece.
  std::size_t begin = 0;  // of a key or a string: with the quotes
  std::size_t end = 0;
};

class JsonScanner {
 public:
  // As deep as Go's parser, and so Dendrite, reads. It is far more than base/json.h allows: one event that some member
  // of a room nested that deep must not spoil everybody's answers.
  static constexpr std::size_t max_depth = 10'000;

  // How long a key or a string may be that comes in pieces and is still known at its end.
  static constexpr std::size_t max_kept_bytes = 4 * 1024;

  JsonScanner() = default;                       // of a text in pieces
  explicit JsonScanner(std::string_view text) {  // of a whole one
    read(text);
    finish();
  }

  void read(std::string_view piece);
  void finish() { is_last_ = true; }

  JsonToken next();

  // The key or the string that next() returned last, with its quotes. Valid until the next call of next(). Nothing if
  // it came in pieces and is too long.
  std::string_view quoted() const { return quoted_; }

  // Where the token begins that the piece has cut in two.
  std::optional<std::size_t> begun() const {
    return within_ == Within::nothing ? std::nullopt : std::optional(token_begin_);
  }

  // How many objects and arrays are open.
  std::size_t depth() const { return is_object_.size(); }

  // Goes past the value that begins with `first`, the token that next() returned last. Returns where it ends. Of a
  // whole text only.
  std::size_t skip_value(const JsonToken& first);

 private:
  enum class Expected : std::uint8_t {
    value,
    value_or_close,
    key,
    key_or_close,
    colon,
    comma_or_close,
    end_of_text,
    nothing
  };
  // What the piece before has ended in.
  enum class Within : std::uint8_t { nothing, string, literal, number };
  enum class Number : std::uint8_t { minus, zero, integer, point, fraction, exponent_mark, exponent_sign, exponent };
  enum class Progress : std::uint8_t { whole, cut, malformed };

  JsonToken open(JsonToken::Kind kind);
  JsonToken close();
  JsonToken begin_scalar(char first);
  JsonToken go_on();
  JsonToken fail();

  // These go on with what is Within, as far as the piece does.
  Progress read_string();
  Progress read_escape();
  Progress read_literal();
  Progress read_number();

  void keep_string();
  void end_string(std::size_t begin);
  void skip_whitespace() {
    const auto is_whitespace = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
    while (!at_end() && is_whitespace(piece_[at_])) ++at_;
  }
  bool at_end() const { return at_ == piece_.size(); }
  std::size_t place() const { return piece_begin_ + at_; }
  bool in_object() const { return is_object_.back(); }
  void expect_next();

  std::string_view piece_;
  std::size_t piece_begin_ = 0;  // in the text
  std::size_t at_ = 0;           // in the piece
  bool is_last_ = false;
  Expected expected_ = Expected::value;
  std::vector<bool> is_object_;  // the open containers, objects or arrays

  Within within_ = Within::nothing;
  JsonToken::Kind kind_ = JsonToken::Kind::other;  // of that token
  std::size_t token_begin_ = 0;
  std::uint8_t escape_ =
      0;  // how many characters of an escape are still to come; the one behind its backslash is the fifth
  Number number_ = Number::minus;
  std::string_view literal_;  // what is still to come of it

  std::string_view quoted_;
  std::string kept_;  // of a string that is cut in two
  bool is_kept_ = true;
};

// What a key or a string of the scanner says: `quoted` with its quotes taken off and its escapes resolved. It stands in
// `quoted`, or in `buffer` if there were escapes. Half a surrogate pair becomes U+FFFD. Nothing of nothing.
std::string_view text_of_string(std::string_view quoted, std::string& buffer);

}  // namespace afterword
