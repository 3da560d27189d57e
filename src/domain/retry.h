// What has failed for a reason that passes may be tried again by its owner, with one request (docs/protocol.md section
// 10). A finalised event never changes, so it is another one that takes over what is to be sent. Pure.
#pragma once

#include "domain/delayed_event.h"

namespace afterword::domain {

// Its owner sent too much just then, which says nothing about the event itself.
bool may_be_retried(const DelayedEvent& event);

// Due at once. The transaction is the same for each retry of one event, so that one that is repeated makes no other.
NewDelayedEvent retry_of(const DelayedEvent& failed, Timestamp now);

}  // namespace afterword::domain
