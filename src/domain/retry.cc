#include "domain/retry.h"

#include "domain/errcode.h"

namespace afterword::domain {

bool may_be_retried(const DelayedEvent& event) {
  const auto* const error = event.finalised ? std::get_if<HomeserverError>(&event.finalised->outcome) : nullptr;
  return error != nullptr && errcode_of(*error) == "M_LIMIT_EXCEEDED";
}

NewDelayedEvent retry_of(const DelayedEvent& failed, Timestamp now) {
  constexpr Milliseconds shortest_delay{1};
  NewDelayedEvent again;
  again.delay_id = DelayId::random();
  again.event = *failed.event;
  again.timing = {now, shortest_delay};
  again.transaction =
      TransactionKey::of(failed.event->user_id, std::nullopt, "/afterword.retry", failed.delay_id.to_string());
  return again;
}

}  // namespace afterword::domain
