// Small things about text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace afterword {

// Of ASCII alone, whatever the locale.
constexpr char to_lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
}
inline std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& character : lower) character = to_lower(character);
  return lower;
}

// Of a hexadecimal digit; -1 if it is none.
constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// Without the spaces and tabs at both ends.
inline std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Of ASCII.
constexpr bool is_control(char character) {
  const auto code = static_cast<unsigned char>(character);
  return code < 0x20 || code == 0x7f;
}

}  // namespace afterword
