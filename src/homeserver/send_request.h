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

}  // namespace afterword::homeserver
