// A homeserver in memory. It records what it is sent and answers as the test tells it; untold, it takes every event.
#pragma once

#include "async/clock.h"
#include "homeserver/homeserver.h"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace afterword::homeserver::testing {

// Answers as a homeserver would give them.
SendAnswer refused(int status, const std::string& errcode);
inline SendAnswer connection_refused() { return NotArrived{"connection refused"}; }
inline SendAnswer timed_out() { return Unclear{"timed out"}; }

class FakeHomeserver final : public Homeserver {
 public:
  struct Send {
    domain::DelayId delay_id;
    domain::EventToSend event;
    domain::Attempt attempt;
    Timestamp arrived;  // when, by the clock
  };

  explicit FakeHomeserver(async::Clock& clock) : clock_(clock) {}

  Task<std::optional<NotArrived>> prepare(domain::DelayId delay_id) override;
  Task<SendAnswer> send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                        Milliseconds time_limit) override;
  Task<LookAnswer> look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                            domain::Attempt attempt) override;
  Task<Flush> flush_queue(const domain::EventToSend& event) override;
  Task<WayAnswer> ask_way(domain::UserId owner) override;
  Task<WhoamiAnswer> whoami(Credentials credentials, http::Headers about_client) override;

  // Whether it can be asked at all before a send.
  bool is_away = false;
  std::chrono::milliseconds prepare_time{0};
  // Whether the way is open, as the question about no event is answered; it never is when it is away.
  bool way_is_open = true;
  std::size_t way_questions = 0;

  // What it was sent, in that order, whatever it answered.
  std::vector<Send> sends;
  // The answers to the next sends; when there is none left, answer_send.
  std::deque<SendAnswer> next_answers;
  std::function<SendAnswer(const Send&)> answer_send;
  // How long a send takes; there is no answer if it takes longer than whoever sends waits.
  std::function<std::chrono::milliseconds(const Send&)> send_time;
  bool may_queue = false;  // and then it may be in its queue
  std::size_t under_way = 0;

  // Untold, a look finds nothing, at once. `arrived` is when it began.
  std::chrono::milliseconds look_time{0};
  std::vector<Send> looks;
  std::deque<LookAnswer> next_looks;
  std::function<LookAnswer(const Send&)> answer_look;

  std::size_t most_under_way = 0;
  std::size_t flushes = 0;
  Flush flush = Flush::done;

  std::map<std::string, Identity> tokens;
  std::deque<WhoamiAnswer> next_whoami_answers;                   // before those from `tokens`
  std::function<WhoamiAnswer(const Credentials&)> answer_whoami;  // in their place
  std::chrono::milliseconds whoami_time{0};
  std::size_t whoami_calls = 0;
  std::vector<http::Headers> told_of_clients;  // by each of them

 private:
  async::Clock& clock_;
};

}  // namespace afterword::homeserver::testing
