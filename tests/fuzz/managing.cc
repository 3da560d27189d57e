// What else clients send of delayed events: the action in a body, a list's query, the token of a page, a delay_id.
//
// The input: a line each for from_ts, to_ts, dir, from, status and a delay_id; then the body.
#include "api/list.h"
#include "api/manage.h"
#include "require.h"
#include "targets.h"

namespace afterword::fuzz {
namespace {

std::optional<std::string> take_parameter(std::string_view& input) {
  const std::string_view line = take_line(input);
  if (line.empty()) return std::nullopt;
  return std::string(line);
}

void check_refusal(const api::MatrixError& error) {
  require(error.status == 400 && error.errcode.starts_with("M_"), "what is refused is the client's fault");
}

}  // namespace

void managing(std::string_view input) {
  api::ListRequest request;
  request.from_ts = take_parameter(input);
  request.to_ts = take_parameter(input);
  request.dir = take_parameter(input);
  request.from = take_parameter(input);
  request.status = take_parameter(input);
  const std::string_view delay_id = take_line(input);

  const Milliseconds wall_offset(7);
  const auto query = api::read_list_request(request, wall_offset);
  if (!query) {
    check_refusal(query.error());
  } else {
    require(query->limit > 0 && query->limit <= 1000, "a page has a limit");
    if (query->from_ts) require(std::stoll(*request.from_ts) == to_ms(*query->from_ts + wall_offset), "from_ts");
    if (query->to_ts) require(std::stoll(*request.to_ts) == to_ms(*query->to_ts + wall_offset), "to_ts");
  }
  if (const auto position = api::read_token(request.from.value_or(""))) {
    const auto again = api::read_token(api::to_token(*position));
    require(again && again->due == position->due && again->delay_id == position->delay_id,
            "a token that was read leads to the same place when it is written");
  }

  if (const auto id = domain::DelayId::parse(delay_id)) require(id->to_string() == delay_id, "an id has one text");

  const auto action = api::read_action_body(input);
  if (!action) check_refusal(action.error());
}

}  // namespace afterword::fuzz
