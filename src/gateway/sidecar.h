// A LiveKit token service (lk-jwt-service) beside the homeserver, for one that cannot serve it itself (docs/protocol.md
// section 11): what it has of the client-server API goes to it in the name of whoever asks (MSC4512), and it may ask
// who is in a room (MSC4502).
//
// A user has a share of the connections to it, so that a service that hangs is not kept from everybody by one.
//
// Lifecycle and thread: those of its client, which outlives it.
#pragma once

#include "api/matrix_error.h"
#include "async/clock.h"
#include "async/task.h"
#include "base/outage_log.h"
#include "base/places.h"
#include "base/result.h"
#include "domain/ids.h"
#include "homeserver/token_cache.h"
#include "http/client.h"
#include "http/message.h"
#include "http/origin.h"
#include "http/target.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace afterword::gateway {

// As its registration with the homeserver says.
struct SidecarRegistration {
  std::string as_token;  // with which it asks
  std::string hs_token;  // by which it knows who asks it
  http::Origin url;
  bool may_ask_who_is_joined = false;
};

// What is the sidecar's: …/rtc/livekit/… below any version or proposal. Pure.
bool is_for_sidecar(const http::Target& target);

// All of a request's body is there before it takes one of the few connections, so that a slow client holds none. A
// token is asked for in a few hundred bytes.
inline constexpr std::size_t max_sidecar_body_bytes = 64 * 1024;

// The same holds for its answer.
inline constexpr std::size_t max_sidecar_answer_bytes = 1024 * 1024;

// GET …/rooms/{roomId}/is_joined.
struct IsJoinedRoute {
  std::string room_id;
};
std::optional<IsJoinedRoute> find_is_joined(std::string_view method, const http::Target& target);

// The request as the sidecar gets it. Nothing of its head is the client's but the path and what says of which kind the
// bodies are; so whatever a client writes, it is `user_id`, for only we have the hs_token. Pure.
http::Request as_request_of(http::Request request, const domain::UserId& user_id, std::string_view hs_token);

struct SidecarFigures {
  std::uint64_t answered = 0;
  std::uint64_t unanswered = 0;  // or it did not take us for its homeserver
  std::uint64_t over_share = 0;  // not asked: the user's share was taken
  std::size_t under_way = 0;
};

class Sidecar {
 public:
  Sidecar(http::Client& client, async::Clock& clock, SidecarRegistration registration, std::string server_name);

  SidecarFigures figures() const;

  bool may_ask_who_is_joined() const { return registration_.may_ask_who_is_joined; }

  // Its answer to the request of this user, of whose body all is there.
  async::Task<http::Response> ask(http::Request request, domain::UserId user_id);

  // Whom it asks about; nobody if that is for the homeserver to answer, because the user is not one of its own.
  struct Subject {
    std::optional<domain::UserId> local_user;
  };
  Result<Subject, api::MatrixError> read_question(const IsJoinedRoute& route, const http::Target& target,
                                                  const std::optional<homeserver::Credentials>& credentials) const;

 private:
  // What is under way may be destroyed where it waits, after the sidecar.
  struct Asked {
    // Who comes when all connections are taken waits for one.
    explicit Asked(std::size_t max_per_user) : places(std::numeric_limits<std::size_t>::max(), max_per_user) {}

    Places<domain::UserId> places;
    SidecarFigures figures{};
  };

  http::Client& client_;
  async::Clock& clock_;
  const std::shared_ptr<Asked> asked_;
  const SidecarRegistration registration_;
  const std::string server_name_;
  OutageLog outage_;
};

// The answer to the sidecar's question. The homeserver is asked with the sidecar's own token, so that it says itself
// whether that may know. The client outlives the task.
async::Task<http::Response> tell_who_is_joined(http::Client& homeserver, std::string room_id, domain::UserId user_id,
                                               homeserver::AccessToken as_token);

// What is asked for it, and what the answer means, nothing if it cannot be known. Pure.
http::Request membership_question(std::string_view room_id, const domain::UserId& user_id,
                                  const homeserver::AccessToken& as_token);
std::optional<bool> read_membership(const http::Response& answer);

}  // namespace afterword::gateway
