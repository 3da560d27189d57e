// What the parts of delivery share: whom they ask, what they wait with, and how they insist.
//
// Lifecycle: outlives all parts; drain() of Delivery stops and joins both groups. Thread: the server's only one.
#pragma once

#include "async/task_group.h"
#include "base/log.h"
#include "delivery/delivery.h"
#include "delivery/grace.h"
#include "delivery/retry.h"

#include <chrono>
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
    return retry_delay(failures, {options.first_retry, options.last_retry}, random);
  }

  std::chrono::milliseconds delay_after_store(unsigned failures) {
    return retry_delay(failures, {options.first_retry, options.last_store_retry}, random);
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
    if (answer.has_error() && !store_away_since) {
      store_away_since = clock.steady_now();
      log::warn("The database is not available: {}", answer.error().reason);
    } else if (!answer.has_error() && store_away_since) {
      if (clock.steady_now() - *store_away_since >= shortest_outage) grace.begin(clock.now());
      store_away_since.reset();
    }
    return !answer.has_error();
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

  std::optional<async::Steady> store_away_since;
  std::minstd_rand random;  // for jitter among the retries of this process: it need not be unpredictable
};

}  // namespace afterword::delivery
