// The verbs that do not change what has become of an event: they need no transaction with others, and run on
// connections of their own, so that a long list does not hold heartbeats up.
//
// Most are one statement each, a Question, of which many can be sent before the first is answered (query_runner.h).
#pragma once

#include "store/postgres/connection.h"
#include "store/postgres/lease.h"
#include "store/store.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace afterword::store::postgres {

template <class Answer>
struct Question {
  const Statement& statement;  // lives as long as the program
  Parameters parameters;
  std::function<Answer(const Rows&)> read;
};

Question<std::optional<DelayId>> find_transaction(const domain::TransactionKey& transaction);
Question<std::vector<ActiveEvent>> find_active(const std::vector<DelayId>& delay_ids, InstanceId instance);
Question<ListPage> list_room(const domain::RoomId& room_id, const std::optional<ListPosition>& after,
                             std::uint32_t limit);
Question<ListPage> list_failed(const std::optional<OutcomePosition>& after, std::uint32_t limit);
Question<std::optional<domain::DelayedEvent>> look_up(const DelayId& delay_id, const std::optional<UserId>& caller);
Question<ListPage> list(const UserId& user_id, const ListQuery& query);
Question<std::vector<SentEvent>> find_sent(const UserId& user_id, const std::vector<domain::EventId>& event_ids);
Question<std::vector<SentEvent>> list_sent(const UserId& user_id, std::uint32_t limit);
Question<std::vector<OutcomePosition>> list_outcomes(const UserId& user_id, Timestamp from, std::uint32_t limit);

// A transaction. Blocks. Throws Error.
bool prune(Connection& connection, const domain::Retention& retention, Timestamp now);

}  // namespace afterword::store::postgres
