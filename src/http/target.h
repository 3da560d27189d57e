// What a request asks for: the parts of its origin-form target, "/path/of/segments?query".
#pragma once

#include "base/memory_pool.h"

#include <boost/container/small_vector.hpp>

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
  boost::container::small_vector<std::string_view, 12> segments;
  std::string_view path;   // as received
  std::string_view query;  // as received, without the '?'

  // Nothing if `text` does not start with '/' or has more than max_segments.
  static std::optional<Target> parse(std::string_view text);
  // The same where `text` outlives it: not copied, unless something has to be decoded.
  static std::optional<Target> parse_in_place(std::string_view text);

  // As find_parameter().
  std::optional<std::string> parameter(std::string_view name) const;

  // Whether path and query, decoded, are text that can be kept and shown: UTF-8 without NUL.
  bool is_text() const;

 private:
  // All parts are pieces of these, wherever they are moved.
  using Bytes = std::vector<char, PoolAllocator<char>>;
  Bytes text_;
  Bytes decoded_;
};

// The first value of the parameter `name` in a query or a URL-encoded form, decoded; a '+' is a space. Parameters end
// at '&', and at ';' too, as in Twisted.
std::optional<std::string> find_parameter(std::string_view query, std::string_view name);

}  // namespace afterword::http
