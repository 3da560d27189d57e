// Hands a request to the homeserver and its answer back, both in pieces, unless we are going to read the answer.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "base/outage_log.h"
#include "gateway/request_id.h"
#include "http/body_stream.h"
#include "http/client.h"
#include "http/client_address.h"
#include "http/message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace afterword::gateway {

// Longer than any long poll or upload is meant to take, until the head of its answer.
inline constexpr std::chrono::milliseconds max_passing_time = std::chrono::minutes(10);

// What all that passes through has in common.
struct Passing {
  async::Clock& clock;
  http::IsTrustedProxy is_trusted_proxy;  // see forwarded.h
  OutageLog outage{};
  RequestIds request_ids{};
};

// Whose name the request is for. Under the client's something else than the homeserver may answer at its address, so an
// answer from which we learn something about others is asked for under the homeserver's own.
enum class AskedHost : std::uint8_t { the_clients, the_homeservers };

// `passing` outlives the task.
async::Task<http::Response> pass_through(http::Client& homeserver, http::Request request, Passing& passing,
                                         AskedHost host = AskedHost::the_clients);

// Asks for an answer that we are going to read and may change: uncompressed, without a range, and without the condition
// that the client may have the current version, for what it has was changed here.
void ask_for_all_of_it(http::Request& request);

// So asked, and with the whole answer. `limits`: of an answer that is read as a tree, a smaller size.
async::Task<http::Response> pass_through_readable(http::Client& homeserver, http::Request request, Passing& passing,
                                                  http::SendLimits limits = max_passing_time,
                                                  AskedHost host = AskedHost::the_clients);

// What the homeserver says about its own body does not hold for another.
void forget_body(http::Response& answer);

// Takes all of its body, of which the beginning is there, and leaves it with none.
std::shared_ptr<http::BodyStream> take_body(http::Response& answer);

// An answer that ends within this goes on as a whole.
inline constexpr std::size_t small_answer_bytes = http::BodyStream::window_bytes / 2;

// The answer with another body, as a whole if it is small. No answer if that breaks off.
async::Task<http::Response> with_body(http::Response answer, std::shared_ptr<http::BodyStream> body);

// Puts another body in its place.
void replace_body(http::Response& answer, std::string body);

}  // namespace afterword::gateway
