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

consteval Characters only(std::string_view characters) {
  Characters allowed{};
  for (const char character : characters) allowed[static_cast<unsigned char>(character)] = true;
  return allowed;
}

template <const Characters& allowed>
bool has_only(std::string_view text) {
  return std::ranges::all_of(text, [](char character) { return allowed[static_cast<unsigned char>(character)]; });
}

constexpr Characters in_token = token_characters();
constexpr Characters in_value = value_characters();
constexpr Characters in_target = target_characters();
constexpr Characters in_name = only("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._");
constexpr Characters in_ipv6_address = only("0123456789ABCDEFabcdef:.");
constexpr Characters in_number = only("0123456789");

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

bool is_version(std::string_view text) { return text == "HTTP/1.1" || text == "HTTP/1.0"; }

// Its target may be of any form here.
bool is_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  return is_token(line.substr(0, first)) && has_only<in_target>(line.substr(first + 1, last - first - 1)) &&
         is_version(line.substr(last + 1));
}

// Some servers leave out the reason together with the space before it. A status below 100 is none: whether it is an
// interim one, and what follows it, would be a guess.
bool is_status_line(std::string_view line) {
  constexpr std::size_t version_size = std::string_view("HTTP/1.1 ").size();
  constexpr std::size_t status_size = 3;
  if (line.size() < version_size + status_size || !is_version(line.substr(0, version_size - 1))) return false;
  const std::string_view status = line.substr(version_size, status_size);
  const std::string_view rest = line.substr(version_size + status_size);
  return line[version_size - 1] == ' ' && status.front() != '0' &&
         std::ranges::all_of(status, [](char digit) { return digit >= '0' && digit <= '9'; }) &&
         (rest.empty() || rest.starts_with(' '));
}

// Of a text without control characters.
bool is_header_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon));
}

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && has_only<in_token>(text); }

bool is_header_value(std::string_view text) { return has_only<in_value>(text); }

bool is_target(std::string_view text) {
  if (text == "*") return true;
  return text.starts_with('/') && has_only<in_target>(text) && !has_dot_segment(text.substr(0, text.find('?')));
}

bool is_host(std::string_view text) {
  const bool is_ipv6 = text.starts_with('[');
  const std::size_t end = is_ipv6 ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return false;
  const std::string_view port = text.substr(is_ipv6 ? end + 1 : end);
  if (!port.empty() && (!port.starts_with(':') || !has_only<in_number>(port.substr(1)))) return false;
  return is_ipv6 ? end > 1 && has_only<in_ipv6_address>(text.substr(1, end - 1))
                 : has_only<in_name>(text.substr(0, end)) && (end > 0 || port.empty());
}

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
  for (; seen_ < std::min(received.size(), max_bytes_); ++seen_) {
    const char character = received[seen_];
    const bool behind_return = seen_ > line_begin_ && received[seen_ - 1] == '\r';
    if (character != '\n') {
      const bool may_stand_here = character == '\r' || in_value[static_cast<unsigned char>(character)];
      if (behind_return || !may_stand_here) return Result::malformed;
      continue;
    }
    if (!behind_return) return Result::malformed;
    const Result found = take_line(received.substr(line_begin_, seen_ - 1 - line_begin_));
    if (found != Result::incomplete) return found;
    line_begin_ = seen_ + 1;
  }
  return received.size() < max_bytes_ ? Result::incomplete : Result::too_large;
}

HeadScan::Result HeadScan::take_line(std::string_view line) {
  const bool is_start_line = line_begin_ == 0;
  if (is_start_line) {
    const bool is_good = of_ == Of::request ? is_request_line(line) : is_status_line(line);
    return is_good ? Result::incomplete : Result::malformed;
  }
  if (line.empty()) return Result::sound;
  if (!is_header_line(line)) return Result::malformed;
  return ++headers_ > max_headers ? Result::too_large : Result::incomplete;
}

}  // namespace afterword::http
