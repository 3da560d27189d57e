#include "store/sqlite/listed_events.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::store::sqlite {
namespace {

ListedEvents::Events one_event() {
  ListedEvents::Events events;
  events.push_back({domain::DelayId::random(), 0});
  return events;
}

domain::EventToSend event_of(std::size_t bytes) {
  domain::EventToSend event;
  event.content = std::string(bytes, ' ');
  return event;
}

TEST(ListedEvents, HoldUntilOneComesOrGoes) {
  ListedEvents listed;
  int asked = 0;
  const auto find_all = [&] {
    ++asked;
    return one_event();
  };
  listed.of({.place = 1, .version = 1}, find_all);
  listed.of({.place = 2, .version = 1}, find_all);
  EXPECT_EQ(asked, 2);
  auto& event = listed.of({.place = 1, .version = 1}, find_all).front();
  listed.keep({.place = 1, .version = 1}, event, event_of(3));
  EXPECT_EQ(listed.of({.place = 1, .version = 1}, find_all).front().event->content, "   ");
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(listed.of({.place = 1, .version = 2}, find_all).front().event, nullptr);
  EXPECT_EQ(asked, 3);
}

TEST(ListedEvents, TakeABoundedRoom) {
  ListedEvents listed;
  std::size_t kept = 0;
  for (std::uint32_t user = 0; user < 1'000; ++user) {
    auto& event = listed.of({.place = user, .version = 1}, one_event).front();
    listed.keep({.place = user, .version = 1}, event, event_of(64 * 1024));
    if (!event.event) break;
    ++kept;
  }
  EXPECT_GT(kept, 10u);
  EXPECT_LT(kept, 100u);
  // What comes then has room again.
  auto& event = listed.of({.place = 0, .version = 1}, one_event).front();
  EXPECT_EQ(event.event, nullptr);
  listed.keep({.place = 0, .version = 1}, event, event_of(64 * 1024));
  EXPECT_NE(event.event, nullptr);
}

}  // namespace
}  // namespace afterword::store::sqlite
