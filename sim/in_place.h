// Answers in the place of a homeserver's own, as they are on the wire. What they mean, the product itself reads.
#pragma once

#include "homeserver/read_answer.h"
#include "sim/random.h"

#include <optional>

namespace afterword::sim {

// Of a proxy, a balancer or a firewall, which speaks for a homeserver that is away.
homeserver::HttpAnswer draw_middlebox_answer(Random& random);

// Of whatever does not let an event through, while all else is well. Nothing: it never gets an answer.
std::optional<homeserver::HttpAnswer> draw_answer_to_stuck(Random& random);

}  // namespace afterword::sim
