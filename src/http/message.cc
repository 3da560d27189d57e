#include "http/message.h"

#include "base/text.h"

#include <algorithm>

namespace afterword::http {

bool is_safe(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char one, char other) { return to_lower(one) == to_lower(other); });
}

Headers::Headers(std::initializer_list<Header> headers) {
  std::size_t size = 0;
  for (const Header& header : headers) size += packed_size(header);
  packed_.reserve(size);
  for (const Header& header : headers) add(header.name, header.value);
}

Headers Headers::read(std::string_view text) {
  constexpr std::string_view line_end = "\r\n";
  text = text.substr(text.find(line_end) + line_end.size());
  const std::string_view lines = text.substr(0, text.find("\r\n\r\n") + line_end.size());
  Headers headers;
  headers.packed_.reserve(lines.size() + sizeof(Sizes) * static_cast<std::size_t>(std::ranges::count(lines, '\n')));
  const auto next_line = [&] {
    const std::string_view line = text.substr(0, text.find(line_end));
    text.remove_prefix(line.size() + line_end.size());
    return line;
  };
  for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
    const std::size_t colon = line.find(':');
    headers.add(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return headers;
}

Header Headers::at(std::size_t place) const {
  Sizes sizes{};
  std::memcpy(&sizes, packed_.data() + place, sizeof sizes);
  const std::string_view both = std::string_view(packed_).substr(place + sizeof sizes, sizes.name + sizes.value);
  return {both.substr(0, sizes.name), both.substr(sizes.name)};
}

void Headers::add(std::string_view name, std::string_view value) {
  const Sizes sizes{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())};
  packed_.append(reinterpret_cast<const char*>(&sizes), sizeof sizes).append(name).append(value);
}

void Headers::set(std::string_view name, std::string_view value) {
  const auto is_named = [name](const Header& header) { return equal_ignoring_case(header.name, name); };
  const Iterator first = std::ranges::find_if(*this, is_named);
  if (first == end()) return add(name, value);
  const Header before = *first;
  const Header after{before.name, value};
  const Sizes sizes{static_cast<std::uint32_t>(before.name.size()), static_cast<std::uint32_t>(value.size())};
  std::memcpy(packed_.data() + first.place_, &sizes, sizeof sizes);
  const std::size_t size = packed_size(after);
  packed_.replace(first.place_ + sizeof sizes + sizes.name, before.value.size(), value);
  remove_from(first.place_ + size, is_named);
}

void Headers::remove(std::string_view name) {
  remove_if([name](const Header& header) { return equal_ignoring_case(header.name, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Header& header : *this) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

}  // namespace afterword::http
