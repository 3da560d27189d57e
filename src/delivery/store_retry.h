// What the store cannot do now is tried again until it can. Notices the store's outages, which one line in the log
// says, and after which clients have a grace to restart what came due.
//
// Thread: the server's only one. It must outlive the tasks.
#pragma once

#include "base/log.h"
#include "delivery/backoff.h"
#include "delivery/context.h"
#include "delivery/grace.h"
#include "store/store.h"

#include <optional>

namespace afterword::delivery {

class StoreRetry {
 public:
  StoreRetry(Context& context, Grace& grace)
      : backoff(context.options.first_retry, context.options.last_store_retry), context_(context), grace_(grace) {}

  // `ask` makes a task of the store each time that it is called.
  template <class Ask>
  auto until_available(Ask ask) -> decltype(ask()) {
    for (unsigned failures = 1;; ++failures) {
      auto asking = ask();
      auto answer = co_await std::move(asking);
      if (note_result(answer)) co_return answer;
      co_await context_.clock.sleep_for(backoff.after(failures));
    }
  }

  // Whether the store could do it. To be told of every verb that is not asked by until_available().
  template <class Answer>
  bool note_result(const store::StoreResult<Answer>& answer) {
    if (answer.has_error() && !outage_begin_) {
      outage_begin_ = context_.clock.steady_now();
      log::warn("The database is not available: {}", answer.error().reason);
    } else if (!answer.has_error() && outage_begin_) {
      if (context_.clock.steady_now() - *outage_begin_ >= shortest_outage) grace_.begin(context_.clock.now());
      outage_begin_.reset();
    }
    return !answer.has_error();
  }

  Backoff backoff;  // for those who ask again later

 private:
  // After a single failure clients are heard when they ask again.
  static constexpr Milliseconds shortest_outage{1'000};

  Context& context_;
  Grace& grace_;
  std::optional<async::Steady> outage_begin_;
};

}  // namespace afterword::delivery
