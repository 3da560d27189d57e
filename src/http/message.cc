#include "http/message.h"

#include "base/text.h"

#include <algorithm>

namespace afterword::http {

bool is_safe(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char one, char other) { return to_lower(one) == to_lower(other); });
}

Headers Headers::read(std::string_view text) {
  constexpr std::string_view line_end = "\r\n";
  Headers headers;
  const auto next_line = [&] {
    text.remove_prefix(text.find(line_end) + line_end.size());
    return text.substr(0, text.find(line_end));
  };
  for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
    const std::size_t colon = line.find(':');
    headers.add(std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  }
  return headers;
}

void Headers::set(std::string_view name, std::string value) {
  const auto is_named = [name](const Header& header) { return equal_ignoring_case(header.name, name); };
  const auto first = std::ranges::find_if(headers_, is_named);
  if (first == headers_.end()) {
    add(std::string(name), std::move(value));
    return;
  }
  first->value = std::move(value);
  headers_.erase(std::remove_if(first + 1, headers_.end(), is_named), headers_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(headers_, [name](const Header& header) { return equal_ignoring_case(header.name, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Header& header : headers_) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

}  // namespace afterword::http
