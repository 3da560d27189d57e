// Reads JSON text as tokens with their places in it, so that a text can be changed here and there and stay byte for
// byte the same elsewhere. A parsed value could not tell where it stood.
//
// One pass, no copy, no recursion; a bit for each level of nesting is all it keeps. It checks the whole grammar of RFC
// 8259, but for two things: whether the text is UTF-8 (see is_valid_utf8), and whether surrogates escaped in a string
// come in pairs, which the grammar does not ask.
//
// Lifecycle: call next() until it returns `end` or `invalid`; it then goes on returning that. The text outlives the
// scanner.
#pragma once

#include <cstddef>
#include <cstdint>
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
    invalid,  // the text is not JSON, or nests too deep
  };

  Kind kind = Kind::invalid;
  std::size_t begin = 0;  // of a key or a string: with the quotes
  std::size_t end = 0;
};

class JsonScanner {
 public:
  // As deep as Go's parser, and so Dendrite, reads. It is far more than base/json.h allows: one event that some member
  // of a room nested that deep must not spoil everybody's answers.
  static constexpr std::size_t max_depth = 10'000;

  explicit JsonScanner(std::string_view text) : text_(text) {}

  JsonToken next();

  // Goes past the value that begins with `first`, the token that next() returned last. Returns where it ends.
  std::size_t skip_value(const JsonToken& first);

 private:
  enum class Expected : std::uint8_t { value, key, first_or_close, comma_or_close, end_of_text, nothing };

  JsonToken open(JsonToken::Kind kind);
  JsonToken close();
  JsonToken read_key();
  JsonToken read_value();
  JsonToken fail();

  // These move past what they name, if it is there and well-formed.
  void skip_whitespace();
  bool skip_string();
  bool skip_escape();
  bool skip_number();
  bool skip_digits();
  bool skip_literal(std::string_view literal);

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }  // no token begins with a NUL
  bool in_object() const { return is_object_.back(); }
  void expect_next();

  std::string_view text_;
  std::size_t at_ = 0;
  Expected expected_ = Expected::value;
  std::vector<bool> is_object_;  // the open containers, objects or arrays
};

// What a key or a string of the scanner says: `quoted` with its quotes taken off and its escapes resolved. It stands in
// `quoted`, or in `buffer` if there were escapes. Half a surrogate pair becomes U+FFFD.
std::string_view text_of_string(std::string_view quoted, std::string& buffer);

}  // namespace afterword
