#include "delivery/outcome.h"

namespace afterword::delivery {
namespace {

using homeserver::NotArrived;
using homeserver::Refused;
using homeserver::Sent;
using homeserver::Unclear;

struct Decide {
  const Try& tried;

  NextStep operator()(const Sent& sent) const { return Finalise{sent.event_id}; }

  NextStep operator()(const Refused& refused) const {
    if (refused.errcode == "M_UNKNOWN_DEVICE" && tried.with_device) return SendWithoutDevice{};
    if (refused.may_be_stopping && !tried.is_second) return SendSoon{};
    if (tried.on_request) return Release{refused.error};
    return Finalise{refused.error};
  }

  NextStep operator()(const NotArrived& not_arrived) const {
    // This try did not arrive. An earlier one may have.
    if (tried.may_have_arrived) return TryAgain{not_arrived.reason, not_arrived.error};
    return Release{NotSent{not_arrived.reason}, not_arrived.retry_after, not_arrived.error};
  }

  NextStep operator()(const Unclear& unclear) const { return TryAgain{unclear.reason, unclear.error}; }
};

}  // namespace

NextStep next_step(const Try& tried, const homeserver::SendAnswer& answer) { return std::visit(Decide{tried}, answer); }

domain::Attempt attempt_of(const domain::DelayedEvent& event) {
  domain::Attempt attempt = event.attempt.value();
  if (event.event.origin_server_ts) attempt.origin_server_ts = *event.event.origin_server_ts;
  return attempt;
}

}  // namespace afterword::delivery
