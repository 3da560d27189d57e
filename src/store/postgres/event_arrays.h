// The whole delayed event into SQL: an array a column, so that one statement writes many.
#pragma once

#include "domain/delayed_event.h"
#include "store/postgres/connection.h"
#include "store/postgres/parameters.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::store::postgres {

// What is known when an event is scheduled.
struct ScheduledArrays {
  void add(const domain::DelayId& delay_id, const std::optional<domain::TransactionKey>& transaction,
           const domain::EventToSend& event, const domain::Timing& timing);

  // Behind them, those of further columns.
  template <class... T>
  Parameters with(const T&... further) const {
    return Parameters(delay_ids, transactions, users, devices, rooms, kinds, types, state_keys, redacts, stickies,
                      origins, sinces, delays, contents, further...);
  }

  Array delay_ids{ArrayOf::uuids};
  Array transactions{ArrayOf::bytes};
  Array users{ArrayOf::bytes};
  Array devices{ArrayOf::bytes};
  Array rooms{ArrayOf::bytes};
  Array kinds{ArrayOf::integers};
  Array types{ArrayOf::bytes};
  Array state_keys{ArrayOf::bytes};
  Array redacts{ArrayOf::bytes};
  Array stickies{ArrayOf::integers};
  Array origins{ArrayOf::integers};
  Array sinces{ArrayOf::integers};
  Array delays{ArrayOf::integers};
  Array contents{ArrayOf::bytes};
};

// Of `events`, in the order of ScheduledArrays.
inline constexpr std::string_view scheduled_columns =
    "delay_id, transaction_key, user_id, device_id, room_id, kind, type, state_key, redacts, sticky_duration_ms,"
    " origin_server_ts, delayed_since_ts, delay_ms, content";
inline constexpr std::string_view scheduled_arrays =
    "$1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::int8[], $7::bytea[], $8::bytea[],"
    " $9::bytea[], $10::int8[], $11::int8[], $12::int8[], $13::int8[], $14::bytea[]";

// How an event ended; of one that has not, NULL.
struct FinalisedArrays {
  void add(const std::optional<domain::Finalised>& finalised);

  Array tss{ArrayOf::integers};
  Array event_ids{ArrayOf::bytes};
  Array error_statuses{ArrayOf::integers};
  Array error_bodies{ArrayOf::bytes};
};

// They may have more finalised events now than are kept of a user.
void mark_to_prune(Connection& connection, std::vector<std::string> users);

}  // namespace afterword::store::postgres
