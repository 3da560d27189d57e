// What the parts of delivery share: whom they ask, what they wait with, and how they insist.
//
// Lifecycle: outlives all parts; drain() of Delivery stops and joins both groups. Thread: the server's only one.
#pragma once

#include "async/task_group.h"
#include "base/log.h"
#include "delivery/delivery.h"
#include "delivery/grace.h"
#include "delivery/retry.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <random>
#include <utility>

namespace afterword::delivery {

struct Context {
  Context(async::Executor executor, async::Clock& clock_, store::Store& store_, homeserver::Homeserver& homeserver_,
          Options options_)
      : clock(clock_),
        store(store_),
        homeserver(homeserver_),
        options(options_),
        grace(options_.start_grace),
        waits(executor, async::OnFailure::end_process),
        tries(std::move(executor)) {}

  std::chrono::milliseconds delay_after(unsigned failures) {
    return retry_delay(failures, {options.first_retry, options.last_retry}, random_);
  }

  std::chrono::milliseconds delay_aside(unsigned failures) {
    return retry_delay(failures, {options.first_retry_aside, options.last_retry_aside}, random_);
  }

  std::chrono::milliseconds delay_after_store(unsigned failures) {
    return retry_delay(failures, {options.first_retry, options.last_store_retry}, random_);
  }

  // Asks the store until it can.
  template <class Verb>
  auto insist(Verb verb) -> decltype(verb()) {
    for (unsigned failures = 1;; ++failures) {
      auto asking = verb();
      auto answer = co_await std::move(asking);
      if (heard(answer)) co_return answer;
      co_await clock.sleep_for(delay_after_store(failures));
    }
  }

  // Whether the store could. One line when it begins to fail, however many ask meanwhile. Once it is back after an
  // outage, clients have time to restart what came due.
  template <class Answer>
  bool heard(const store::StoreResult<Answer>& answer) {
    if (answer.has_error() && !store_away_since_) {
      store_away_since_ = clock.steady_now();
      log::warn("The database is not available: {}", answer.error().reason);
    } else if (!answer.has_error() && store_away_since_) {
      if (clock.steady_now() - *store_away_since_ >= shortest_outage) grace.begin(clock.now());
      store_away_since_.reset();
    }
    return !answer.has_error();
  }

  // A client was heard: something was scheduled or restarted. The grace after an outage that kept clients away begins
  // when they are heard again, if that is before its end.
  void hear_client() {
    client_heard_ = clock.steady_now();
    if (std::exchange(grace_awaits_clients_, false) && clock.now() < grace.end()) grace.begin(clock.now());
  }

  // The homeserver was away since then. Were clients too, they could not restart what came due: they get the grace.
  // They were not if any was heard in the time that all take to try again.
  bool begin_grace_after_outage(async::Steady away_since) {
    const async::Steady now = clock.steady_now();
    if (options.start_grace == std::chrono::milliseconds(0)) return false;
    const bool was_brief = now - away_since < shortest_silence;
    if (was_brief || client_heard_ >= std::max(away_since, now - options.start_grace)) return false;
    grace.begin(clock.now());
    grace_awaits_clients_ = true;
    return true;
  }

  // An error that leaves the task is a bug. It is logged, and who has called goes on.
  Task<bool> go_on_after_errors(const char* name, Task<void> task) {
    try {
      co_await std::move(task);
      co_return true;
    } catch (const std::exception& error) {
      if (!stopping) log::error("{} met an error: {}", name, error.what());
    } catch (...) {
      if (!stopping) log::error("{} met an unknown error", name);
    }
    co_return false;
  }

  async::Clock& clock;
  store::Store& store;
  homeserver::Homeserver& homeserver;
  const Options options;
  Grace grace;

  bool stopping = false;
  async::TaskGroup waits;  // end at once when we stop: timers, backoff
  async::TaskGroup tries;  // are waited for

 private:
  // A single failure is none: whoever asks again is heard.
  static constexpr std::chrono::milliseconds shortest_outage{1'000};
  // Clients of calls restart their events every 4 or 5 s. To have heard none for less says nothing.
  static constexpr std::chrono::milliseconds shortest_silence{5'000};

  std::optional<async::Steady> store_away_since_;
  async::Steady client_heard_{};
  bool grace_awaits_clients_ = false;
  std::minstd_rand random_;  // for jitter among the retries of this process: it need not be unpredictable
};

}  // namespace afterword::delivery
