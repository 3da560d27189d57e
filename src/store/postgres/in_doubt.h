// What lost connections may have done. A connection that is lost while it commits leaves in doubt what took effect; the
// verbs answer Unavailable, which says that nothing did. So before anything else is done, that connection is ended, and
// what nobody would know of is taken back: claims, and schedules.
//
// Thread: the committing one. Throws Error.
#pragma once

#include "store/postgres/connection.h"
#include "store/postgres/verbs.h"

#include <string>
#include <vector>

namespace afterword::store::postgres {

// Ends the connection of that name, if there still is one: what it has not done by then, it will not do.
void end_connection(Connection& connection, const std::string& name);

class Doubts {
 public:
  bool empty() const { return doubts_.empty(); }

  // `connection`: the name of the one that was lost.
  void remember(const std::string& connection, InstanceId instance, const Change::Batch& batch);
  void settle(Connection& connection);

 private:
  struct Doubt {
    std::string connection;
    InstanceId instance = nobody;
    std::vector<DelayId> claims;
    std::vector<DelayId> schedules;               // whose delay_id nobody knows
    std::vector<DelayId> scheduled_transactions;  // that will be asked for again
  };
  static void settle(Connection& connection, const Doubt& doubt);

  std::vector<Doubt> doubts_;
};

}  // namespace afterword::store::postgres
