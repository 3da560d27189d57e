// The homeserver over HTTP: sends as the events' owners with the application service's token, and asks whose a client's
// token is. A connection that has carried the one never carries the other: whatever a client could make of the
// connections that its own token goes over, no answer and no token of ours is there to be had.
//
// Thread: the server's only one. The references must outlive it.
#pragma once

#include "async/clock.h"
#include "homeserver/accounts.h"
#include "homeserver/barrier.h"
#include "homeserver/homeserver.h"
#include "homeserver/kind.h"
#include "homeserver/way_question.h"
#include "http/client.h"

#include <chrono>
#include <optional>
#include <string>

namespace afterword::homeserver {

struct HomeserverClientOptions {
  std::string as_token;
  std::string server_name{};                 // whose users these are; others have no delayed events here
  std::optional<Kind> kind{};                // where the operator says it
  std::optional<std::string> admin_token{};  // of Synapse, to ask what stands against an owner's account
  std::chrono::milliseconds flush_timeout{30'000};
  std::chrono::milliseconds look_timeout{30'000};
  std::chrono::milliseconds mark_timeout{10'000};
  std::chrono::milliseconds way_timeout{5'000};
  std::chrono::milliseconds whoami_timeout{10'000};  // also how long a rate limit is waited out, altogether
};

class HomeserverClient final : public Homeserver {
 public:
  // `http` is for what is asked with a token of ours, `for_clients` for what is asked with a client's or with none.
  HomeserverClient(http::Client& http, http::Client& for_clients, async::Clock& clock, HomeserverClientOptions options);

  Task<std::optional<NotArrived>> prepare(domain::DelayId delay_id) override;
  Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                        Milliseconds time_limit) override;
  Task<LookAnswer> look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                            domain::Attempt attempt) override;
  Task<Flush> flush_queue(const domain::EventToSend& event) override;
  Task<WayAnswer> ask_way(domain::UserId owner) override;
  Task<WhoamiAnswer> whoami(Credentials credentials, http::Headers about_client) override;

 private:
  http::Client& http_;
  http::Client& for_clients_;
  async::Clock& clock_;
  const HomeserverClientOptions options_;
  WayQuestion way_question_;
  Accounts accounts_;
  KnownKind kind_;
  Barrier barrier_;
  async::Steady unclear_;  // when the last try without a clear answer ended, or this process began
};

}  // namespace afterword::homeserver
