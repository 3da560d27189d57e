// A JSON value as it stands in its text, read in place: what the homeserver answers may be megabytes that users wrote,
// and a tree of it takes 25 times as much, and all of the thread meanwhile.
//
// Checked once, when it is read; its parts are then known to be well-formed. The text outlives it and its parts.
#pragma once

#include "base/json_scanner.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace afterword {

class JsonText {
 public:
  // Nothing if `text` is not one well-formed JSON document. See JsonScanner for what that leaves out.
  static std::optional<JsonText> read(std::string_view text);

  std::string_view text() const { return text_; }
  bool is_object() const { return text_.front() == '{'; }

  std::optional<std::string> string() const;    // nothing if it is none, or not in UTF-8
  std::optional<std::int64_t> integer() const;  // nothing if it is none, or written with a point or an exponent
  bool is(std::string_view expected) const;     // a string that says this
  std::optional<JsonText> member(std::string_view name) const;  // of an object

  // The members of these names, in one pass. Of duplicate ones the last counts. None of what is not an object.
  template <std::size_t Count>
  std::array<std::optional<JsonText>, Count> members(const std::array<std::string_view, Count>& names) const;

  // Each of an array's elements in turn. None of what is not an array.
  template <class Function>
  void for_each_element(Function function) const;

 private:
  explicit JsonText(std::string_view text) : text_(text) {}

  // Of an object its keys and values in turn, of an array its elements: the next one at or behind `at`, which becomes
  // its end. Nothing at the closing bracket.
  std::optional<JsonText> next_part(std::size_t& at) const;

  std::string_view text_;  // without white space around it
};

template <std::size_t Count>
std::array<std::optional<JsonText>, Count> JsonText::members(const std::array<std::string_view, Count>& names) const {
  std::array<std::optional<JsonText>, Count> found;
  if (!is_object()) return found;
  std::size_t at = 1;
  std::string buffer;
  while (const auto key = next_part(at)) {
    const auto value = next_part(at);
    const std::string_view name = text_of_string(key->text_, buffer);
    for (std::size_t i = 0; i < Count; ++i) {
      if (names[i] == name) found[i] = value;
    }
  }
  return found;
}

template <class Function>
void JsonText::for_each_element(Function function) const {
  if (text_.front() != '[') return;
  std::size_t at = 1;
  while (const auto element = next_part(at)) function(*element);
}

}  // namespace afterword
