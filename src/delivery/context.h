// What the parts of delivery share: whom they ask, what they wait with, and how they insist.
//
// Lifecycle: outlives all parts; drain() of Delivery stops and joins both groups. Thread: the server's only one.
#pragma once

#include "async/task_group.h"
#include "base/log.h"
#include "delivery/delivery.h"
#include "delivery/retry.h"

#include <chrono>
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
        waits(executor),
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

  // Whether the store could. One line when it begins to fail, however many ask meanwhile.
  template <class Answer>
  bool heard(const store::StoreResult<Answer>& answer) {
    const bool was_away = std::exchange(store_is_away, answer.has_error());
    if (store_is_away && !was_away) log::warn("The database is not available: {}", answer.error().reason);
    return !store_is_away;
  }

  async::Clock& clock;
  store::Store& store;
  homeserver::Homeserver& homeserver;
  const Options options;

  bool stopping = false;
  async::TaskGroup waits;  // end at once when we stop: timers, backoff
  async::TaskGroup tries;  // are waited for

 private:
  bool store_is_away = false;
  std::minstd_rand random;  // for jitter among the retries of this process: it need not be unpredictable
};

}  // namespace afterword::delivery
