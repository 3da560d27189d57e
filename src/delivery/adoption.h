// Takes over the timers and the attempts that have no living owner: at the start everything that a store of one process
// holds, later what belonged to instances that are gone.
//
// Thread: the server's only one.
#pragma once

#include "delivery/alarm.h"
#include "delivery/attempt_gate.h"
#include "delivery/attempts.h"
#include "delivery/context.h"
#include "delivery/turns.h"

#include <cstddef>

namespace afterword::delivery {

class Adoption {
 public:
  Adoption(Context& context, Alarm& alarm, AttemptGate& gate, Attempts& attempts, Turns& turns)
      : context_(context), alarm_(alarm), gate_(gate), attempts_(attempts), turns_(turns) {}

  // At the start; the grace begins when all is taken over, for only then clients are heard. Attempts go on at once.
  Task<store::StoreResult<void>> begin();
  // Until we stop, now and then.
  Task<void> keep_on();

 private:
  Task<store::StoreResult<void>> adopt();
  Task<void> adopt_and_note();
  Task<store::StoreResult<std::size_t>> adopt_behind_the_gate();
  Task<store::StoreResult<std::size_t>> adopt_some();

  Context& context_;
  Alarm& alarm_;
  AttemptGate& gate_;
  Attempts& attempts_;
  Turns& turns_;
};

}  // namespace afterword::delivery
