// The request that sends an event as its owner, by the homeserver's application service API.
#pragma once

#include "domain/delayed_event.h"
#include "http/message.h"

#include <string>
#include <string_view>

namespace afterword::homeserver {

// Its transaction id is the delay_id, so that the homeserver knows a second try of one event.
http::Request make_send_request(const domain::DelayId& delay_id, const domain::EventToSend& event,
                                const domain::Attempt& attempt, std::string_view as_token);

// Whether the event has a path that every proxy leaves as it is. A type, key or id "." or ".." has none, however it is
// encoded: a proxy that folds it would have our token write to some other place. Such events are not scheduled any
// more, but may be stored.
bool can_be_addressed(const domain::EventToSend& event);

}  // namespace afterword::homeserver
