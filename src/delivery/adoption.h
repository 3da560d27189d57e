// Takes over the timers and the attempts that have no living owner: at the start everything that a store of one process
// holds, later what belonged to instances that are gone.
//
// Thread: the server's only one.
#pragma once

#include "delivery/attempt.h"

#include <cstddef>

namespace afterword::delivery {

class Adoption {
 public:
  Adoption(AttemptParts& parts, Grace& grace) : parts_(parts), grace_(grace) {}

  // At the start; the grace begins when all is taken over, for only then clients are heard. Attempts go on at once.
  Task<store::StoreResult<void>> begin();
  // Until we stop, now and then.
  Task<void> run();

 private:
  Task<store::StoreResult<void>> adopt_all();
  Task<store::StoreResult<std::size_t>> adopt_some();

  AttemptParts& parts_;
  Grace& grace_;
};

}  // namespace afterword::delivery
