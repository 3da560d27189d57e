#include "gateway/told_outcomes.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

using namespace std::chrono_literals;
using store::OutcomePosition;

const TokenHolder alice{domain::UserId("@alice:example.org"), domain::DeviceId("PHONE")};
const TokenHolder alices_other{alice.user_id, domain::DeviceId("LAPTOP")};
const TokenHolder bob{domain::UserId("@bob:example.org"), std::nullopt};
const Timestamp noon = from_ms(1'800'000'000'000);

OutcomePosition outcome(Milliseconds after_noon) { return {noon + after_noon, domain::DelayId::random()}; }

SomeOutcomes these(std::initializer_list<OutcomePosition> outcomes) {
  SomeOutcomes some;
  for (const OutcomePosition& one : outcomes) some.add(one);
  return some;
}

TEST(SomeOutcomesTest, AreThoseBeforeATimeAndSomeLaterOnes) {
  const auto early = outcome(1s);
  const auto one = outcome(2s);
  const auto other = outcome(2s);
  SomeOutcomes some = these({early, one});
  EXPECT_TRUE(some.has(one));
  EXPECT_FALSE(some.has(other));
  some.add_all_before(noon + 2s);
  EXPECT_TRUE(some.has(early));
  EXPECT_TRUE(some.has(outcome(0s)));
  EXPECT_TRUE(some.has(one));
  EXPECT_FALSE(some.has(other));
  some.add_all_before(noon);
  EXPECT_EQ(some.from(), noon + 2s) << "what it has it keeps";
}

TEST(SomeOutcomesTest, AreNoMoreThanItKeeps) {
  SomeOutcomes some;
  for (std::size_t i = 0; i < SomeOutcomes::max_later; ++i) some.add(outcome(1s * (i + 1)));
  EXPECT_FALSE(some.has(outcome(0s)));
  some.add(outcome(1h));
  EXPECT_TRUE(some.has(outcome(0s)));
  EXPECT_TRUE(some.has(outcome(1s)));
  EXPECT_FALSE(some.has(outcome(2s)));
}

TEST(SomeOutcomesTest, HaveInCommonWhatBothHave) {
  const auto both = outcome(5s);
  const auto early = outcome(1s);
  const auto of_one = outcome(6s);
  const auto of_other = outcome(7s);
  SomeOutcomes one = these({early, both, of_one});
  SomeOutcomes other = these({both, of_other});
  other.add_all_before(noon + 3s);
  for (const SomeOutcomes& common : {SomeOutcomes::common(one, other), SomeOutcomes::common(other, one)}) {
    EXPECT_TRUE(common.has(both));
    EXPECT_TRUE(common.has(early)) << "all before three seconds are the other's too";
    EXPECT_FALSE(common.has(of_one));
    EXPECT_FALSE(common.has(of_other));
    EXPECT_FALSE(common.has(outcome(2s)));
  }
}

TEST(ToldOutcomesTest, AreKnownByUserAndToken) {
  ToldOutcomes told;
  const auto one = outcome(1s);
  told.brings(alice, "s1", these({one}));
  EXPECT_FALSE(told.find(bob, "s1"));
  EXPECT_FALSE(told.find(alices_other, "s1"));
  EXPECT_FALSE(told.find(alice, "s2"));
  ASSERT_TRUE(told.find(alice, "s1"));
  EXPECT_TRUE(told.find(alice, "s1")->certainly.has(one));
  EXPECT_TRUE(told.find(alice, "s1")->perhaps.has(one));
  told.forget(alice.user_id);
  told.forget(bob.user_id);
  EXPECT_FALSE(told.find(alice, "s1"));
}

TEST(ToldOutcomesTest, AreWhatEveryAnswerHasToldThatBringsTheToken) {
  ToldOutcomes told;
  const auto one = outcome(1s);
  const auto other = outcome(2s);
  told.brings(alice, "s2", these({one, other}));
  told.brings(alice, "s2", these({other}));
  EXPECT_FALSE(told.find(alice, "s2")->certainly.has(one));
  EXPECT_TRUE(told.find(alice, "s2")->certainly.has(other));
}

TEST(ToldOutcomesTest, OfAnAnswerThatKeepsTheTokenAreUncertain) {
  ToldOutcomes told;
  const auto one = outcome(1s);
  const auto other = outcome(2s);
  told.brings(alice, "s1", these({one}));
  told.keeps(alice, "s1", {these({one}), these({one, other})});
  EXPECT_FALSE(told.find(alice, "s1")->certainly.has(other));
  EXPECT_TRUE(told.find(alice, "s1")->perhaps.has(other));
  told.keeps(alice, "unknown", {{}, these({other})});
  EXPECT_FALSE(told.find(alice, "unknown")->certainly.has(other));
  EXPECT_TRUE(told.find(alice, "unknown")->perhaps.has(other));
}

TEST(ToldOutcomesTest, AreForgottenWhereTheyWereNotUsedForLongest) {
  ToldOutcomes told;
  told.brings(bob, "s", {});
  for (std::size_t i = 0; i < ToldOutcomes::max_tokens_of_user; ++i) told.brings(alice, std::to_string(i), {});
  EXPECT_TRUE(told.find(alice, "0"));
  told.brings(alice, "more", {});
  EXPECT_TRUE(told.find(alice, "0"));
  EXPECT_FALSE(told.find(alice, "1"));
  EXPECT_TRUE(told.find(bob, "s"));
  for (std::size_t i = 1; i < ToldOutcomes::max_users; ++i)
    told.brings(TokenHolder{domain::UserId(std::to_string(i)), {}}, "s", {});
  EXPECT_FALSE(told.find(alice, "0"));
  EXPECT_TRUE(told.find(bob, "s"));
}

}  // namespace
}  // namespace afterword::gateway
