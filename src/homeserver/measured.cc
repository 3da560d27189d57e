#include "homeserver/measured.h"

#include <utility>

namespace afterword::homeserver {
namespace {

bool is_answered(const std::optional<NotArrived>& not_prepared) { return !not_prepared; }
bool is_answered(const SendAnswer& answer) {
  return std::holds_alternative<Sent>(answer) || std::holds_alternative<Refused>(answer);
}
bool is_answered(const LookAnswer& answer) { return !std::holds_alternative<CannotTell>(answer); }
bool is_answered(Flush flush) { return flush != Flush::not_done; }
bool is_answered(const WayAnswer& answer) { return !std::holds_alternative<Closed>(answer); }
bool is_answered(const WhoamiAnswer& answer) { return !std::holds_alternative<Unreachable>(answer); }

}  // namespace

template <class Answer>
Task<Answer> Measured::measure(Verb verb, Task<Answer> asking) {
  const async::Steady begin = clock_.steady_now();
  Answer answer = co_await std::move(asking);
  VerbFigures& figures = figures_[static_cast<std::size_t>(verb)];
  ++figures.questions[is_answered(answer) ? 0 : 1];
  const std::chrono::duration<double> took = clock_.steady_now() - begin;
  figures.seconds.add(took.count());
  co_return answer;
}

Task<std::optional<NotArrived>> Measured::prepare(domain::DelayId delay_id) {
  return measure(Verb::prepare, homeserver_.prepare(delay_id));
}

Task<SendAnswer> Measured::send(domain::DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                                Milliseconds time_limit) {
  return measure(Verb::send, homeserver_.send(delay_id, event, attempt, time_limit));
}

Task<LookAnswer> Measured::look_for(domain::DelayId delay_id, const domain::EventToSend& event,
                                    domain::Attempt attempt) {
  return measure(Verb::look_for, homeserver_.look_for(delay_id, event, attempt));
}

Task<Flush> Measured::flush_queue(const domain::EventToSend& event) {
  return measure(Verb::flush_queue, homeserver_.flush_queue(event));
}

Task<WayAnswer> Measured::ask_way(domain::UserId owner) {
  return measure(Verb::ask_way, homeserver_.ask_way(std::move(owner)));
}

Task<WhoamiAnswer> Measured::whoami(Credentials credentials, http::Headers about_client) {
  return measure(Verb::whoami, homeserver_.whoami(std::move(credentials), std::move(about_client)));
}

}  // namespace afterword::homeserver
