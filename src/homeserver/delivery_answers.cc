#include "homeserver/delivery_answers.h"

#include <algorithm>
#include <array>

namespace afterword::homeserver {
namespace {

using enum Meaning;

// docs/reliability.md shows the same table.
constexpr std::array<AnswerRule, 19> table{{
    // About our token. Some homeservers say it with 403.
    {401, "M_UNKNOWN_TOKEN", not_arrived, "the homeserver does not know our as_token"},
    {401, "M_MISSING_TOKEN", not_arrived, "our as_token is lost on its way to the homeserver"},
    {403, "M_UNKNOWN_TOKEN", not_arrived, "the homeserver does not know our as_token"},
    {403, "M_MISSING_TOKEN", not_arrived, "our as_token is lost on its way to the homeserver"},
    {401, any_body, not_arrived, "what stands before the homeserver wants to know who we are"},

    // About the address: no homeserver's endpoint for events is there. (Dendrite says it of an empty type too.)
    {400, "M_UNRECOGNIZED", not_arrived, "the homeserver does not know the endpoint"},
    {404, "M_UNRECOGNIZED", not_arrived, "the homeserver does not know the endpoint"},
    {405, any_body, not_arrived, "the homeserver does not know the endpoint"},

    // About this event. With 403 a room's policy server has its say too, in any errcode.
    {400, any_errcode, refused, {}},
    {403, any_errcode, refused, {}},
    {404, "M_NOT_FOUND", refused, {}},
    {413, "M_TOO_LARGE", refused, {}},
    {429, "M_LIMIT_EXCEEDED", refused, {}},

    // From what stands before the homeserver, which has not passed it on.
    {404, any_body, not_arrived, "nothing is there that knows Matrix"},
    {413, any_body, not_arrived, "what stands before the homeserver finds it too large"},
    {421, any_body, not_arrived, "what stands before the homeserver takes it for another's"},
    {425, any_body, not_arrived, "what stands before the homeserver wants it later"},
    {429, any_body, not_arrived, "what stands before the homeserver limits us"},

    // 403 and 408 that are not Matrix's, 5xx, redirects, a success without an event_id: nobody says how far it came.
    {any_status, any_body, unclear, {}},
}};

bool fits(const AnswerRule& rule, int status, std::string_view errcode) {
  if (rule.status != any_status && rule.status != status) return false;
  if (rule.errcode == any_body) return true;
  return rule.errcode == any_errcode ? !errcode.empty() : rule.errcode == errcode;
}

}  // namespace

std::span<const AnswerRule> delivery_answers() { return table; }

const AnswerRule& rule_of(int status, std::string_view errcode) {
  return *std::ranges::find_if(table, [&](const AnswerRule& rule) { return fits(rule, status, errcode); });
}

bool is_errcode(std::string_view text) {
  const auto is_allowed = [](char letter) {
    return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
           letter == '_' || letter == '.' || letter == '-';
  };
  const bool has_namespace = text.starts_with("M_") || text.find('.') != std::string_view::npos;
  return has_namespace && std::ranges::all_of(text, is_allowed);
}

}  // namespace afterword::homeserver
