// The verbs that do not change what has become of an event: they need no transaction with others, and run on a
// connection of their own, so that a long list does not hold heartbeats up.
//
// Thread: one at a time. All throw Error.
#pragma once

#include "store/postgres/lease.h"
#include "store/store.h"

#include <optional>
#include <vector>

namespace afterword::store::postgres {

std::optional<DelayId> find_transaction(Connection& connection, const domain::TransactionKey& transaction);
std::vector<Look> look(Connection& connection, const std::vector<DelayId>& delay_ids, InstanceId instance);
std::optional<domain::DelayedEvent> look_up(Connection& connection, const DelayId& delay_id,
                                            const std::optional<UserId>& caller);
ListPage list(Connection& connection, const UserId& user_id, const ListQuery& query);
bool has_sent(Connection& connection, const UserId& user_id);
std::vector<SentEvent> find_sent(Connection& connection, const UserId& user_id,
                                 const std::vector<domain::EventId>& event_ids);
bool prune(Connection& connection, const domain::Retention& retention, Timestamp now);

}  // namespace afterword::store::postgres
