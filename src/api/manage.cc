#include "api/manage.h"

#include "base/json.h"
#include "delivery/event_log.h"

#include <chrono>
#include <string>

namespace afterword::api {
namespace {

using domain::Action;
using domain::DelayId;
using domain::Effect;

// A client that has waited longer has gone away.
constexpr std::chrono::seconds max_wait{30};
// Between a recorded attempt and its recorded outcome there may be a moment without a task to wait for.
constexpr std::chrono::milliseconds pause_between_looks{50};

// Effect::wait: ask again when it has settled.
using ActionOutcome = std::variant<store::NotFound, Effect, http::Response>;

async::Task<ActionOutcome> try_send(Context& context, DelayId delay_id, std::optional<domain::UserId> caller) {
  const delivery::SendNowAnswer sent = co_await context.delivery.send_now(delay_id, std::move(caller));
  if (std::holds_alternative<store::NotFound>(sent)) co_return store::NotFound{};
  if (std::holds_alternative<store::Unavailable>(sent)) co_return to_response(store_unavailable());
  if (std::holds_alternative<delivery::NotSent>(sent)) co_return to_response(homeserver_unreachable());
  if (const auto* refused = std::get_if<domain::HomeserverError>(&sent)) co_return homeserver_refusal(*refused);
  if (const auto* done = std::get_if<delivery::Sent>(&sent)) {
    co_return ok(to_text(json::object{{"event_id", done->event_id.value}}));
  }
  co_return std::get<Effect>(sent);
}

async::Task<ActionOutcome> try_change(Context& context, Action action, DelayId delay_id,
                                      std::optional<domain::UserId> caller) {
  const Timestamp now = context.clock.now();
  auto verb = action == Action::cancel ? context.store.cancel(delay_id, std::move(caller), now)
                                       : context.store.restart(delay_id, std::move(caller), now);
  const auto met = co_await std::move(verb);
  if (!met) co_return to_response(store_unavailable());
  if (std::holds_alternative<store::NotFound>(*met)) co_return store::NotFound{};
  const auto& [effect, timing] = std::get<store::ActionResult>(*met);
  if (effect != Effect::perform) co_return effect;
  delivery::log_event(log::level::debug,
                      action == Action::cancel ? "a delayed event is cancelled" : "a delayed event is restarted",
                      delay_id);
  if (action == Action::cancel) co_return effect;
  context.delivery.restarted(delay_id, timing.due());
  co_return ok("{\"send_ts\":" + std::to_string(to_ms(context.clock.to_wall(timing.due()))) + "}");
}

}  // namespace

std::optional<Action> read_action(std::string_view text) {
  if (text == "send") return Action::send;
  if (text == "cancel") return Action::cancel;
  if (text == "restart") return Action::restart;
  return std::nullopt;
}

Result<Action, MatrixError> read_action_body(std::string_view body) {
  const std::optional<json::value> parsed = parse_json(body);
  if (!parsed) return not_json();
  if (!parsed->is_object()) return not_an_object();
  const json::value* text = parsed->get_object().if_contains("action");
  if (text == nullptr) return missing_parameter("action");
  const std::optional<Action> action =
      text->is_string() ? read_action(std::string_view(text->get_string())) : std::nullopt;
  if (!action) return invalid_parameter("action", "one of send, cancel, restart");
  return *action;
}

http::Response answer(Effect effect, WireForm form) {
  switch (effect) {
    case Effect::perform:
    case Effect::already:
      return ok("{}");
    case Effect::refuse:
      return to_response(already_finalised(form));
    case Effect::wait:
      break;
  }
  return to_response(outcome_unknown());
}

async::Task<Managed> manage(Context& context, ManageRequest request) {
  const std::optional<DelayId> delay_id = request.delay_id;
  if (!delay_id) co_return Managed{to_response(delayed_event_not_found()), false};

  const async::Steady give_up = request.answer_by.value_or(context.clock.steady_now() + max_wait);
  while (true) {
    auto attempt = request.action == Action::send ? try_send(context, *delay_id, request.caller)
                                                  : try_change(context, request.action, *delay_id, request.caller);
    ActionOutcome outcome = co_await std::move(attempt);
    if (std::holds_alternative<store::NotFound>(outcome)) {
      co_return Managed{to_response(delayed_event_not_found()), false};
    }
    if (auto* response = std::get_if<http::Response>(&outcome)) co_return Managed{std::move(*response)};
    const Effect effect = std::get<Effect>(outcome);
    if (effect != Effect::wait || context.clock.steady_now() >= give_up) {
      co_return Managed{answer(effect, request.form)};
    }
    co_await context.delivery.settled(*delay_id, give_up);
    co_await context.clock.sleep_for(pause_between_looks);
  }
}

}  // namespace afterword::api
