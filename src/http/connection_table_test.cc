#include "http/connection_table.h"

#include <gtest/gtest.h>

namespace afterword::http {
namespace {

// The table never looks into a connection.
std::shared_ptr<ServerConnection> some_connection(int* number) {
  return {std::shared_ptr<void>(), reinterpret_cast<ServerConnection*>(number)};
}

TEST(ConnectionTable, TheOneThatHasWaitedLongestGivesWay) {
  int numbers[4] = {};
  ConnectionTable table;
  ConnectionTable::Place places[4];
  for (int i = 0; i < 4; ++i) places[i] = table.add(some_connection(&numbers[i]), "");
  table.wait(places[0]);  // it got on
  for (const int expected : {1, 2, 3, 0}) {
    EXPECT_EQ(table.let_one_go(), some_connection(&numbers[expected]));
  }
  EXPECT_EQ(table.let_one_go(), nullptr);
}

// Used: it has brought a request before.
TEST(ConnectionTable, TheLargerOfUsedAndUnusedGivesWay) {
  int numbers[6] = {};
  ConnectionTable table;
  ConnectionTable::Place places[6];
  for (int i = 0; i < 6; ++i) places[i] = table.add(some_connection(&numbers[i]), "");
  for (const int used : {1, 0}) {
    table.work(places[used]);
    table.wait(places[used]);
  }
  for (const int expected : {2, 3, 1, 4, 0, 5}) {
    EXPECT_EQ(table.let_one_go(), some_connection(&numbers[expected])) << expected;
  }
  EXPECT_EQ(table.let_one_go(), nullptr);
}

TEST(ConnectionTable, ABusyOneGivesNoWay) {
  int number = 0;
  ConnectionTable table;
  table.work(table.add(some_connection(&number), ""));
  EXPECT_FALSE(table.has_waiting());
  EXPECT_EQ(table.let_one_go(), nullptr);
  EXPECT_EQ(table.size(), 1u);
}

TEST(ConnectionTable, WhatGivesWayCountsNoMoreUntilItHasEnded) {
  int number = 0;
  ConnectionTable table;
  const auto place = table.add(some_connection(&number), "10.0.0.1");
  EXPECT_EQ(table.count_of("10.0.0.1"), 1u);
  table.let_one_go();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.count_of("10.0.0.1"), 0u);
  EXPECT_FALSE(table.is_empty()) << "its task has yet to end";
  table.wait(place);
  EXPECT_EQ(table.size(), 0u) << "whatever it does until then";
  table.remove(place);
  EXPECT_TRUE(table.is_empty());
}

TEST(ConnectionTable, OfOneOwnerTheOneThatHasWaitedLongestGivesWay) {
  int numbers[5] = {};
  ConnectionTable table;
  ConnectionTable::Place places[5];
  for (int i = 0; i < 5; ++i) places[i] = table.add(some_connection(&numbers[i]), i == 0 ? "10.0.0.1" : "10.0.0.2");
  table.work(places[1]);
  table.work(places[2]);
  table.wait(places[2]);
  for (const int expected : {3, 4, 2}) {
    EXPECT_EQ(table.let_one_go_of("10.0.0.2"), some_connection(&numbers[expected])) << expected;
  }
  EXPECT_EQ(table.let_one_go_of("10.0.0.2"), nullptr) << "the one that is left is busy";
  EXPECT_EQ(table.count_of("10.0.0.2"), 1u);
  EXPECT_EQ(table.let_one_go_of("10.0.0.3"), nullptr);
  EXPECT_EQ(table.size(), 2u);
}

TEST(ConnectionTable, CountsByOwner) {
  int number = 0;
  ConnectionTable table;
  const auto first = table.add(some_connection(&number), "10.0.0.1");
  table.add(some_connection(&number), "10.0.0.1");
  table.add(some_connection(&number), "10.0.0.2");
  table.add(some_connection(&number), "");
  EXPECT_EQ(table.count_of("10.0.0.1"), 2u);
  table.remove(first);
  EXPECT_EQ(table.count_of("10.0.0.1"), 1u);
  EXPECT_EQ(table.count_of("10.0.0.2"), 1u);
  EXPECT_EQ(table.count_of("10.0.0.3"), 0u);
}

TEST(ShareOwner, IsACustomersNetworkInIPv6) {
  EXPECT_EQ(share_owner("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(share_owner("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(share_owner("2001:db8:1:2::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(share_owner("::1"), "::/64");
}

}  // namespace
}  // namespace afterword::http
