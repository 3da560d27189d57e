// JSON with limits: parsing never recurses deeper or takes more than we allow.
#pragma once

#include "base/result.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace afterword {

namespace json = boost::json;

// Deeper nesting than this is refused. Synapse and Dendrite stop far earlier than a stack would.
inline constexpr std::size_t max_json_depth = 100;

// The value that `text` holds, or nothing if it is not one well-formed JSON document in UTF-8, nests too deep, or
// holds a number beyond a double's range, which to_text() could not write.
// Of duplicate keys the last one counts, as in the homeservers' own parsers.
// `storage`: where its parts are to be.
std::optional<json::value> parse_json(std::string_view text, json::storage_ptr storage = {});

// The same for a document that must be an object; nothing also for any other kind.
std::optional<json::object> parse_json_object(std::string_view text);

std::string to_text(const json::value& value);
std::string to_text(const json::object& object);

// The member `key` if it is a string, else nothing.
std::optional<std::string> string_member(const json::object& object, std::string_view key);

// The member `key` if it is an object, else null.
const json::object* object_member(const json::object& object, std::string_view key);

}  // namespace afterword
