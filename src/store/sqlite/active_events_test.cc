#include "store/sqlite/active_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace afterword::store::sqlite {
namespace {

using domain::DelayId;
using domain::RoomId;
using domain::UserId;

using Content = std::map<DelayId, std::tuple<std::int64_t, Timestamp, bool, std::string, std::string>>;

UserId user(std::uint64_t number) { return UserId("@user" + std::to_string(number)); }
RoomId room(std::uint64_t number) { return RoomId("!room" + std::to_string(number)); }

Content content_of(const ActiveEvents& events) {
  Content content;
  events.for_each([&](ActiveEvents::Place place, const ActiveEvents::Slot& slot) {
    content[events.id_of(place)] = {slot.row, slot.timing().due(), slot.sending, events.user_of(slot),
                                    events.room_of(slot)};
  });
  return content;
}

// Every second event has one.
std::optional<domain::TransactionKey> transaction_of(const DelayId& delay_id) {
  if (delay_id.bytes().back() % 2 == 0) return std::nullopt;
  domain::TransactionKey key;
  std::ranges::copy(delay_id.bytes(), key.digest.begin());
  return key;
}

// By each way that leads to an event.
void expect_found(const ActiveEvents& events) {
  std::map<std::string, std::set<ActiveEvents::Place>> of_user;
  std::map<std::string, std::set<ActiveEvents::Place>> of_room;
  events.for_each([&](ActiveEvents::Place place, const ActiveEvents::Slot& slot) {
    const auto delay_id = events.id_of(place);
    EXPECT_EQ(events.find(delay_id), place);
    if (const auto transaction = transaction_of(delay_id)) {
      EXPECT_EQ(events.find(*transaction), place);
    }
    of_user[events.user_of(slot)].insert(place);
    of_room[events.room_of(slot)].insert(place);
  });
  for (std::uint64_t i = 0; i < 5; ++i) {
    EXPECT_THAT(events.all_of(user(i)), ::testing::UnorderedElementsAreArray(of_user[user(i).value]));
    EXPECT_THAT(events.all_of(room(i)), ::testing::UnorderedElementsAreArray(of_room[room(i).value]));
  }
}

std::map<std::string, std::uint32_t> counts_of(const ActiveEvents& events) {
  std::map<std::string, std::uint32_t> counts;
  for (std::uint64_t i = 0; i < 5; ++i) counts[user(i).value] = events.count_of(user(i));
  return counts;
}

// Random transactions, of which each second is rolled back: nothing of those may be seen.
TEST(ActiveEvents, AreAsBeforeWhenATransactionIsRolledBack) {
  std::mt19937_64 random(1);
  ActiveEvents events;
  std::vector<DelayId> ids;
  for (int transaction = 0; transaction < 2'000; ++transaction) {
    const auto content = content_of(events);
    const auto counts = counts_of(events);
    auto ids_after = ids;
    for (auto steps = random() % 8; steps > 0; --steps) {
      const auto choice = random() % 5;
      if (ids_after.empty() || choice < 2) {
        const auto delay_id = DelayId::random();
        const auto user_id = user(random() % 5);
        const auto room_id = room(random() % 3);
        const domain::Timing timing{from_ms(static_cast<std::int64_t>(random() % 1000)), Milliseconds(10)};
        const auto row = static_cast<std::int64_t>(random() % 1'000'000) + 1;
        events.add({delay_id, transaction_of(delay_id), user_id, room_id, row, timing, false});
        ids_after.push_back(delay_id);
        continue;
      }
      const auto chosen = random() % ids_after.size();
      if (choice < 4 && ids_after.size() > 3) {
        events.remove(events.find(ids_after[chosen]).value());
        ids_after.erase(ids_after.begin() + static_cast<std::ptrdiff_t>(chosen));
      } else {
        const auto place = events.find(ids_after[chosen]).value();
        auto slot = events.at(place);
        slot.sending = !slot.sending;
        slot.delayed_since += Milliseconds(1);
        events.change(place, slot);
      }
    }
    EXPECT_EQ(events.size(), ids_after.size());
    expect_found(events);
    if (transaction % 2 == 0) {
      events.keep();
      ids = ids_after;
    } else {
      events.roll_back();
      ASSERT_EQ(content_of(events), content);
      ASSERT_EQ(counts_of(events), counts);
      expect_found(events);
    }
  }
}

TEST(ActiveEvents, CountAUsersEventsWithinATransaction) {
  ActiveEvents events;
  const auto first = DelayId::random();
  const auto second = DelayId::random();
  const RoomId room_id("!room");
  events.add({first, std::nullopt, user(1), room_id, 1, {}, false});
  events.keep();
  events.add({second, std::nullopt, user(1), room_id, 2, {}, false});
  EXPECT_EQ(events.count_of(user(1)), 2u);
  events.remove(events.find(first).value());
  events.remove(events.find(second).value());
  EXPECT_EQ(events.count_of(user(1)), 0u);
  EXPECT_EQ(events.count_of(user(2)), 0u);
}

}  // namespace
}  // namespace afterword::store::sqlite
