#include "gateway/deactivation.h"

#include "base/json.h"
#include "base/text.h"

#include <optional>
#include <string_view>

namespace afterword::gateway {
namespace {

bool is_json(const http::Response& answer) {
  const std::optional<std::string_view> type = answer.headers.find("Content-Type");
  return type && to_lower(type->substr(0, type->find(';'))).starts_with("application/json");
}

bool is_deactivated(const json::object& account) {
  const json::value* deactivated = account.if_contains("deactivated");
  return deactivated && deactivated->is_bool() && deactivated->get_bool();
}

}  // namespace

bool says_deactivated(const PassThroughRoute& route, const http::Response& answer) {
  if (route.revokes != Revokes::the_account || !http::is_success(answer.status) || !is_json(answer)) return false;
  const std::optional<json::object> body = parse_json_object(answer.body);
  if (!body) return false;
  if (route.answers_with_account) return string_member(*body, "name") == route.administered && is_deactivated(*body);
  if (string_member(*body, "id_server_unbind_result")) return true;
  // Dendrite says nothing more to a user who ends their own account, whose token it knows.
  return route.administered.empty() && body->empty();
}

}  // namespace afterword::gateway
