#include "base/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace afterword {
namespace {

// Boost.JSON reads 1e400 as infinity, and would write that as no JSON at all. The recursion is bounded by
// max_json_depth.
bool has_only_finite_numbers(const json::value& value) {
  if (const double* const number = value.if_double()) return std::isfinite(*number);
  if (const json::array* const array = value.if_array()) return std::ranges::all_of(*array, has_only_finite_numbers);
  const json::object* const object = value.if_object();
  return object == nullptr || std::ranges::all_of(*object, [](const json::key_value_pair& member) {
           return has_only_finite_numbers(member.value());
         });
}

}  // namespace

std::optional<json::value> parse_json(std::string_view text, json::storage_ptr storage) {
  json::parse_options options;
  options.max_depth = max_json_depth;
  json::error_code error;
  json::value value = json::parse(text, error, std::move(storage), options);
  if (error || !has_only_finite_numbers(value)) return std::nullopt;
  return value;
}

std::optional<json::object> parse_json_object(std::string_view text) {
  std::optional<json::value> value = parse_json(text);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->as_object());
}

std::string to_text(const json::value& value) { return json::serialize(value); }

std::string to_text(const json::object& object) { return json::serialize(object); }

std::optional<std::string> string_member(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string(member->as_string());
}

const json::object* object_member(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  return member ? member->if_object() : nullptr;
}

}  // namespace afterword
