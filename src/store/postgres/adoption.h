// Takes over what has no living instance: timers whose owner, and attempts whose sender, is gone.
//
// An instance is gone when its lease has run out and another one has noticed, or when it has said so; it cannot come
// back. What others hold locked at the moment is left for the next time, so nobody waits here.
// Thread: that of delivery's queries. Throws Error.
#pragma once

#include "store/postgres/lease.h"
#include "store/postgres/session.h"
#include "store/store.h"

#include <optional>
#include <string>
#include <vector>

namespace afterword::store::postgres {

class Adoption {
 public:
  // A bounded number. `judging`: whether leases that have run out are held to be over.
  std::vector<Adopted> operator()(Session& session, InstanceId instance, bool judging);

 private:
  // What a connection that was lost while it committed may have taken.
  struct Doubt {
    std::string connection;
    InstanceId instance;
    std::vector<DelayId> delay_ids;
  };
  std::vector<Adopted> settle(Connection& connection, InstanceId instance);
  std::vector<Adopted> take(Session& session, InstanceId instance);

  std::optional<Doubt> doubt_;
};

}  // namespace afterword::store::postgres
