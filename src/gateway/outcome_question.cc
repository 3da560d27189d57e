#include "gateway/outcome_question.h"

#include "base/encoding.h"
#include "base/json.h"
#include "gateway/client_version.h"

#include <algorithm>

namespace afterword::gateway {
namespace {

bool is_true(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool filter_asks_for_outcomes(const std::optional<std::string>& filter) {
  if (!filter || !filter->starts_with('{')) return false;
  const std::optional<json::object> object = parse_json_object(*filter);
  return object && is_true(*object, outcomes_key);
}

bool is_timeout(std::string_view parameter) {
  return percent_decode(parameter.substr(0, parameter.find('='))) == "timeout";
}

}  // namespace

std::optional<OutcomeQuestion> find_outcome_question(std::string_view method, const http::Target& target) {
  const Segments segments = target.segments;
  if (segments.size() < 3 || segments[0] != "_matrix" || segments[1] != "client") return std::nullopt;
  const std::optional<Segments> path = after_any_version(segments.subspan(2));
  if (!path || path->size() != 1 || path->front() != "sync") return std::nullopt;
  if (method == "POST") return OutcomeQuestion{SyncForm::sliding_sync, target.parameter("pos").value_or("")};
  const bool may_be_named = target.query.find(outcomes_key) != std::string_view::npos;
  if (method != "GET" || !may_be_named || !filter_asks_for_outcomes(target.parameter("filter"))) return std::nullopt;
  return OutcomeQuestion{SyncForm::sync, target.parameter("since").value_or("")};
}

bool asks_for_outcomes(std::string_view sliding_sync_body) {
  if (sliding_sync_body.find(outcomes_key) == std::string_view::npos) return false;
  const std::optional<json::object> body = parse_json_object(sliding_sync_body);
  const json::object* const extensions = body ? object_member(*body, "extensions") : nullptr;
  const json::object* const extension = extensions != nullptr ? object_member(*extensions, outcomes_key) : nullptr;
  return extension != nullptr && is_true(*extension, "enabled");
}

std::string without_waiting(std::string_view target) {
  const std::size_t path_bytes = std::min(target.find('?'), target.size());
  std::string shortened(target.substr(0, path_bytes));
  std::string_view query = target.substr(path_bytes);
  while (!query.empty()) {
    query.remove_prefix(1);  // what stands between two
    const std::size_t bytes = std::min(query.find_first_of("&;"), query.size());
    const std::string_view parameter = query.substr(0, bytes);
    const char separator = shortened.size() == path_bytes ? '?' : '&';
    if (!is_timeout(parameter)) shortened.append(1, separator).append(parameter);
    query.remove_prefix(bytes);
  }
  return shortened;
}

}  // namespace afterword::gateway
