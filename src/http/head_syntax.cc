#include "http/head_syntax.h"

#include <algorithm>
#include <array>

namespace afterword::http {
namespace {

using Characters = std::array<bool, 256>;

consteval Characters token_characters() {
  Characters allowed{};
  for (char character = 'a'; character <= 'z'; ++character) allowed[static_cast<unsigned char>(character)] = true;
  for (char character = 'A'; character <= 'Z'; ++character) allowed[static_cast<unsigned char>(character)] = true;
  for (char character = '0'; character <= '9'; ++character) allowed[static_cast<unsigned char>(character)] = true;
  for (const char character : std::string_view("!#$%&'*+-.^_`|~"))
    allowed[static_cast<unsigned char>(character)] = true;
  return allowed;
}

consteval Characters value_characters() {
  Characters allowed{};
  for (std::size_t code = 0x20; code < allowed.size(); ++code) allowed[code] = code != 0x7f;
  allowed['\t'] = true;
  return allowed;
}

consteval Characters target_characters() {
  Characters allowed{};
  for (std::size_t code = 0x21; code < 0x7f; ++code) allowed[code] = code != '#';
  return allowed;
}

consteval Characters host_characters() {
  Characters allowed = token_characters();
  for (const char character : std::string_view("[]:()=;")) allowed[static_cast<unsigned char>(character)] = true;
  for (const char character : std::string_view("#^`|")) allowed[static_cast<unsigned char>(character)] = false;
  return allowed;
}

template <const Characters& allowed>
bool has_only(std::string_view text) {
  return std::ranges::all_of(text, [](char character) { return allowed[static_cast<unsigned char>(character)]; });
}

constexpr Characters in_token = token_characters();
constexpr Characters in_value = value_characters();
constexpr Characters in_target = target_characters();
constexpr Characters in_host = host_characters();

// The next character of a path; "%2e" and "%2f" are a dot and a slash to whoever folds.
char take_character(std::string_view& path) {
  char character = path.front();
  std::size_t size = 1;
  if (character == '%' && path.size() >= 3 && path[1] == '2') {
    const char digit = path[2];
    if (digit == 'e' || digit == 'E') character = '.';
    if (digit == 'f' || digit == 'F') character = '/';
    if (character != '%') size = 3;
  }
  path.remove_prefix(size);
  return character;
}

bool is_header_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) && is_header_value(line.substr(colon + 1));
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && has_only<in_token>(text); }

bool is_header_value(std::string_view text) { return has_only<in_value>(text); }

bool is_target(std::string_view text) {
  if (text == "*") return true;
  return text.starts_with('/') && has_only<in_target>(text) && !has_dot_segment(text.substr(0, text.find('?')));
}

bool is_host(std::string_view text) { return has_only<in_host>(text); }

bool has_dot_segment(std::string_view path) {
  constexpr std::size_t longest = 2;
  std::size_t dots = 0;    // of a segment that has had nothing else so far
  bool only_dots = false;  // what stands before the first slash is no segment
  while (!path.empty()) {
    const char character = take_character(path);
    if (character == '/') {
      if (only_dots && dots > 0 && dots <= longest) return true;
      only_dots = true;
      dots = 0;
    } else if (character == '.') {
      ++dots;
    } else {
      only_dots = false;
    }
  }
  return only_dots && dots > 0 && dots <= longest;
}

HeadScan::Result HeadScan::look_at(std::string_view received) {
  while (true) {
    const std::size_t end = received.substr(0, max_bytes_).find('\n', searched_);
    if (end == std::string_view::npos) {
      searched_ = received.size();
      return received.size() < max_bytes_ ? Result::incomplete : Result::too_large;
    }
    std::string_view line = received.substr(line_begin_, end - line_begin_);
    if (!line.ends_with('\r')) return Result::malformed;
    line.remove_suffix(1);

    const bool is_start_line = line_begin_ == 0;
    if (line.empty()) return is_start_line ? Result::malformed : Result::sound;
    if (is_start_line ? !is_header_value(line) : !is_header_line(line)) return Result::malformed;
    if (!is_start_line && ++headers_ > max_headers) return Result::too_large;
    line_begin_ = searched_ = end + 1;
  }
}

}  // namespace afterword::http
