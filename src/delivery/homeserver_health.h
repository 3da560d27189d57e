// Whether the homeserver is reachable, or is in an outage, in which nothing is sent at its time.
//
// No answer about an event makes an outage: such an answer is a reason to ask, and a question that is about no event
// decides. Until that is answered, and while its answer is that the homeserver is reachable, all go on, and what failed
// is tried again by itself. In an outage the question is asked again and again, with growing pauses, until it ends.
// docs/reliability.md, "Outages", has the rules.
//
// Thread: the server's only one. No errors.
#pragma once

#include "delivery/backoff.h"
#include "delivery/context.h"
#include "homeserver/homeserver.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace afterword::delivery {

class HomeserverHealth {
 public:
  // `on_recovery` is called at the end of each outage.
  HomeserverHealth(Context& context, homeserver::Homeserver& homeserver,
                   std::function<void(async::Steady outage_begin)> on_recovery)
      : context_(context),
        homeserver_(homeserver),
        on_recovery_(std::move(on_recovery)),
        backoff_(context.options.first_retry, context.options.last_retry) {}

  // The homeserver gave a clear answer.
  void note_answer();
  // It gave none, to something of this owner's, as whom it is asked.
  void suspect(const domain::UserId& owner, const std::string& reason);

  bool in_outage() const { return outage_begin_.has_value(); }
  // Of the last outage, if there was any.
  async::Steady outage_end() const { return outage_end_; }

 private:
  Task<void> ask_until_reachable(domain::UserId owner, std::string suspicion);
  void begin_outage(const std::string& suspicion, const std::string& reason);
  void end_outage();

  Context& context_;
  homeserver::Homeserver& homeserver_;
  const std::function<void(async::Steady outage_begin)> on_recovery_;
  Backoff backoff_;
  bool asking_ = false;
  std::optional<async::Steady> outage_begin_;
  async::Steady outage_end_{};
  async::Steady next_question_{};  // not before this, so that suspicions about one event are no load
};

}  // namespace afterword::delivery
