// Attempts that have held up their room for too long: they are resolved here, beside it, with backoff.
//
// Thread: the server's only one. No errors: an attempt stays here until it is resolved or we stop.
#pragma once

#include "delivery/alarm.h"
#include "delivery/context.h"
#include "delivery/tries.h"

namespace afterword::delivery {

class Aside {
 public:
  Aside(Context& context, Alarm& alarm, Tries& tries) : context_(context), alarm_(alarm), tries_(tries) {}

  void add(domain::DelayId delay_id) { wait(delay_id, 1); }

 private:
  void wait(domain::DelayId delay_id, unsigned failures);
  Task<void> resolve_later(domain::DelayId delay_id, unsigned failures);
  Task<void> resolve(domain::DelayId delay_id, unsigned failures);

  Context& context_;
  Alarm& alarm_;
  Tries& tries_;
};

}  // namespace afterword::delivery
