// What a request asks for: the parts of its origin-form target, "/path/of/segments?query".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::http {

struct Target {
  // Far more than any route has. A segment takes more memory than its one slash, so there must not be as many as fit
  // into a head.
  static constexpr std::size_t max_segments = 100;

  // Percent-decoded once each, after splitting, so that an encoded slash stays inside its segment. "/a/" has two, the
  // last one empty.
  std::vector<std::string> segments;
  std::string path;   // as received
  std::string query;  // as received, without the '?'

  // Nothing if `text` does not start with '/' or has more than max_segments.
  static std::optional<Target> parse(std::string_view text);

  // As find_parameter().
  std::optional<std::string> parameter(std::string_view name) const;

  // Whether path and query, decoded, are text that can be kept and shown: UTF-8 without NUL.
  bool is_text() const;
};

// The first value of the parameter `name` in a query or a URL-encoded form, decoded; a '+' is a space. Parameters end
// at '&', and at ';' too, as in Twisted.
std::optional<std::string> find_parameter(std::string_view query, std::string_view name);

}  // namespace afterword::http
