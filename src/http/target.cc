#include "http/target.h"

#include "base/encoding.h"

#include <algorithm>
#include <utility>

namespace afterword::http {
namespace {

// Cuts the part before the first of `separators` off `rest`, and the separator with it.
std::string_view take_until(std::string_view& rest, std::string_view separators) {
  const std::size_t end = std::min(rest.find_first_of(separators), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::string decode_query_part(std::string_view part) {
  std::string text(part);
  std::ranges::replace(text, '+', ' ');
  return percent_decode(text);
}

}  // namespace

std::optional<Target> Target::parse(std::string_view text) {
  Bytes copy(text.begin(), text.end());
  auto target = parse_in_place({copy.data(), copy.size()});
  if (target) target->text_ = std::move(copy);
  return target;
}

std::optional<Target> Target::parse_in_place(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  Target target;
  const std::size_t path_end = std::min(text.find('?'), text.size());
  target.path = text.substr(0, path_end);
  target.query = text.substr(std::min(path_end + 1, text.size()));
  const auto count = static_cast<std::size_t>(std::ranges::count(target.path, '/'));
  if (count > max_segments) return std::nullopt;

  if (target.path.find('%') != std::string_view::npos) target.decoded_.resize(target.path.size());
  char* decoded = target.decoded_.data();
  target.segments.reserve(count);
  for (std::string_view rest = target.path; !rest.empty();) {
    rest.remove_prefix(1);  // the slash
    std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    if (segment.find('%') != std::string_view::npos) {
      const char* const begin = decoded;
      decoded = percent_decode(segment, decoded);
      segment = {begin, decoded};
    }
    target.segments.push_back(segment);
  }
  return target;
}

std::optional<std::string> Target::parameter(std::string_view name) const { return find_parameter(query, name); }

bool Target::is_text() const {
  const auto is_text = [](std::string_view part) {
    return part.find('\0') == std::string_view::npos && is_valid_utf8(part);
  };
  if (!std::ranges::all_of(segments, is_text)) return false;
  std::string_view rest = query;
  while (!rest.empty()) {
    std::string_view value = take_until(rest, "&;");
    const std::string_view key = take_until(value, "=");
    if (!is_text(decode_query_part(key)) || !is_text(decode_query_part(value))) return false;
  }
  return true;
}

std::optional<std::string> find_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    std::string_view value = take_until(query, "&;");
    const std::string_view key = take_until(value, "=");
    if (key.size() < name.size()) continue;  // to decode it makes it no longer, and there may be very many
    if (decode_query_part(key) == name) return decode_query_part(value);
  }
  return std::nullopt;
}

}  // namespace afterword::http
