// base/json and base/json_scanner: two readers of JSON must agree, as far as the scanner's header promises it.
#include "base/json.h"

#include "base/encoding.h"
#include "base/json_scanner.h"
#include "base/json_text.h"
#include "require.h"
#include "targets.h"

#include <algorithm>

namespace afterword::fuzz {
namespace {

struct Scan {
  bool is_valid = false;
  bool has_escaped_surrogates = false;
  bool has_doubles = false;  // which may be beyond the range, and which Boost.JSON does not round exactly
  std::size_t depth = 0;
};

// What a string says must be what Boost.JSON reads.
void check_string(std::string_view quoted) {
  const auto value = parse_json(quoted);
  if (!value) return;  // not UTF-8, or half a surrogate pair
  std::string buffer;
  require(value->as_string() == text_of_string(quoted, buffer), "a string says the same to both");
}

Scan scan(std::string_view text) {
  Scan result;
  JsonScanner scanner(text);
  std::size_t depth = 0;
  std::size_t behind = 0;
  for (;;) {
    const JsonToken token = scanner.next();
    require(token.begin >= behind && token.end >= token.begin && token.end <= text.size() + 1,
            "tokens stand one behind the other");
    const std::string_view shown = text.substr(std::min(token.begin, text.size()), token.end - token.begin);
    behind = token.end;
    switch (token.kind) {
      case JsonToken::Kind::begin_object:
      case JsonToken::Kind::begin_array:
        result.depth = std::max(result.depth, ++depth);
        break;
      case JsonToken::Kind::end_object:
      case JsonToken::Kind::end_array:
        --depth;
        break;
      case JsonToken::Kind::key:
      case JsonToken::Kind::string:
        check_string(shown);
        result.has_escaped_surrogates =
            result.has_escaped_surrogates || shown.find("\\ud") != shown.npos || shown.find("\\uD") != shown.npos;
        break;
      case JsonToken::Kind::null:
        break;
      case JsonToken::Kind::other:
        result.has_doubles = result.has_doubles || shown.size() > 18 || shown.find_first_of(".eE") != shown.npos;
        break;
      case JsonToken::Kind::more:
        require(false, "a whole text has no more");
        break;
      case JsonToken::Kind::end:
        result.is_valid = true;
        [[fallthrough]];
      case JsonToken::Kind::invalid:
        require(scanner.next().kind == token.kind, "the end stays the end");
        return result;
    }
  }
}

// Where a text is cut changes nothing.
void check_pieces(std::string_view text) {
  JsonScanner whole(text);
  JsonScanner in_pieces;
  const std::size_t piece_bytes = 1 + text.size() % 7;
  std::string_view rest = text;
  for (;;) {
    JsonToken token = in_pieces.next();
    while (token.kind == JsonToken::Kind::more) {
      in_pieces.read(rest.substr(0, piece_bytes));
      rest.remove_prefix(std::min(rest.size(), piece_bytes));
      if (rest.empty()) in_pieces.finish();
      token = in_pieces.next();
    }
    const JsonToken expected = whole.next();
    require(token.kind == expected.kind, "the same tokens");
    if (token.kind == JsonToken::Kind::invalid) return;
    require(token.begin == expected.begin && token.end == expected.end, "at the same places");
    const bool has_text = token.kind == JsonToken::Kind::key || token.kind == JsonToken::Kind::string;
    require(!has_text || in_pieces.quoted().empty() || in_pieces.quoted() == whole.quoted(), "with the same texts");
    if (token.kind == JsonToken::Kind::end) return;
  }
}

// Going past a value ends where reading all of it does.
void check_skipping(std::string_view text) {
  JsonScanner scanner(text);
  const JsonToken first = scanner.next();
  if (first.kind == JsonToken::Kind::invalid) return;
  scanner.skip_value(first);
  require(scanner.next().kind == JsonToken::Kind::end, "a valid text is one value");
}

}  // namespace

void json(std::string_view input) {
  const Scan scanned = scan(input);
  require(JsonText::read(input).has_value() == scanned.is_valid, "a text that is read in place is scanned before");
  const auto parsed = parse_json(input);
  if (parsed) {
    require(scanned.is_valid, "what Boost.JSON accepts, the scanner accepts");
    require(is_valid_utf8(input), "a value is UTF-8");
    require(scanned.depth <= max_json_depth, "a value is no deeper than allowed");
    const std::string text = to_text(*parsed);
    const auto again = parse_json(text);
    require(again && (*again == *parsed || scanned.has_doubles), "a value that was written reads as the same");
  } else if (scanned.is_valid) {
    require(!is_valid_utf8(input) || scanned.has_escaped_surrogates || scanned.has_doubles ||
                scanned.depth > max_json_depth,
            "what the scanner accepts, Boost.JSON accepts, but for what its header names");
  }
  if (scanned.is_valid) check_skipping(input);
  check_pieces(input);
}

}  // namespace afterword::fuzz
