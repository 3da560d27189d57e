// How a request arrived: what `afterword check --public` is told of its own requests, so that it can see which of them
// a proxy leads elsewhere, and what the proxy makes of the others.
//
// Such a request carries a proof in its head that whoever made it knows the as_token. It is answered here, whatever it
// asks for, and goes no further; its body is read and thrown away. Without a proof, or with an old one, the header
// means nothing, so that nobody else can tell that we are here, or learn how we are reached. Where it goes astray it is
// harmless: it brings no access token.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/time.h"
#include "http/client_address.h"
#include "http/message.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::gateway {

// Of the request; the answer repeats the request's nonce in it.
inline constexpr std::string_view arrival_header = "Afterword-Check";

// Longer than anybody keeps a long poll.
inline constexpr std::chrono::milliseconds max_arrival_wait = std::chrono::minutes(20);

struct ArrivalQuestion {
  std::string nonce;
  std::chrono::milliseconds wait{};  // before the answer, as a long poll does
};

// What proofs are made with; good for nothing else.
std::string arrival_key(std::string_view as_token);

// What the header of such a request says.
std::string arrival_proof(std::string_view key, const ArrivalQuestion& question, WallTime now);

// Nothing: it is not for us. Nobody has an empty key.
std::optional<ArrivalQuestion> read_arrival_proof(std::string_view key, std::string_view proof, WallTime now);

// The answer: what the request says, before anything of it is believed. `clock` outlives the task.
async::Task<http::Response> tell_arrival(async::Clock& clock, http::Request request, ArrivalQuestion question,
                                         http::IsTrustedProxy is_trusted_proxy);

}  // namespace afterword::gateway
