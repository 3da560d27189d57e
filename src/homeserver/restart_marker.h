// Whether the homeserver has been restarted since it was sent an event.
//
// Dendrite makes events out of a queue on its disk. Stopped or killed, it makes what it was busy with minutes after it
// was started again, when the request is long gone, and shows nothing of it until then. So each send is preceded by a
// mark: a transaction that does nothing, of the event's own id, which Dendrite remembers in memory alone. Later the
// same transaction is asked for with a body that nobody can read: a process that remembers it answers as before, a
// newer one finds fault with the body. Synapse needs no mark (kind.h): what it has not done when it ends, it never
// does. Pure.
#pragma once

#include "domain/ids.h"
#include "homeserver/read_answer.h"
#include "http/message.h"

#include <cstdint>
#include <string_view>

namespace afterword::homeserver {

http::Request make_mark_request(const domain::DelayId& delay_id, std::string_view as_token);
http::Request make_mark_question(const domain::DelayId& delay_id, std::string_view as_token);

// Whether the mark was left, or the homeserver does not take any: what a proxy says in its place is neither.
bool is_left(const http::Response& answer);

enum class Mark : std::uint8_t {
  there,    // the same process: what it was sent, it has done or will do soon
  gone,     // a restart, or nobody left it; or it is older than half an hour, and was forgotten
  unheard,  // the homeserver could not be asked
};
Mark read_mark(const HttpAnswer& answer);

}  // namespace afterword::homeserver
