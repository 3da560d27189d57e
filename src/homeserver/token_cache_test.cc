#include "homeserver/token_cache.h"

#include "async/task_group.h"
#include "async/testing/manual_clock.h"
#include "homeserver/testing/access_tokens.h"
#include "homeserver/testing/fake_homeserver.h"

#include <gtest/gtest.h>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;

const Identity alice{domain::UserId("@alice:example.org"), domain::DeviceId("PHONE")};
const Identity bob{domain::UserId("@bob:example.org"), domain::DeviceId("LAPTOP")};

Credentials with_token(const std::string& token) { return {testing::access_token(token), std::nullopt, std::nullopt}; }

class TokenCacheTest : public ::testing::Test {
 protected:
  TokenCacheTest() { homeserver_.tokens = {{"alice", alice}, {"bob", bob}}; }
  ~TokenCacheTest() override { clock_.run(cache_.close()); }

  TokenAnswer identify(TokenQuestion question) { return clock_.run(cache_.identify(std::move(question))); }
  TokenAnswer identify(Credentials credentials) { return identify(TokenQuestion{std::move(credentials)}); }
  TokenAnswer identify(const std::string& token) { return identify(with_token(token)); }

  Task<void> identify_into(std::string token, std::vector<TokenAnswer>& answers) {
    TokenQuestion question{with_token(std::move(token))};
    answers.push_back(co_await cache_.identify(std::move(question)));
  }

  static TokenCacheOptions options() {
    TokenCacheOptions options;
    options.stale_limit = 10min;
    options.max_entries = 3;
    options.max_entries_per_token = 2;
    options.max_refusals = 2;
    options.max_calls = 3;
    options.max_calls_per_token = 2;
    options.max_calls_per_address = 2;
    return options;
  }
  // Asked by somebody at this address; the answer comes later.
  void ask(std::string token, std::string address, std::vector<TokenAnswer>& answers) {
    TokenQuestion question{with_token(std::move(token))};
    question.address = std::move(address);
    waiting_.spawn("ask", answer_into(std::move(question), answers));
    clock_.settle();
  }
  Task<void> answer_into(TokenQuestion question, std::vector<TokenAnswer>& answers) {
    answers.push_back(co_await cache_.identify(std::move(question)));
  }

  async::testing::ManualClock clock_;
  testing::FakeHomeserver homeserver_{clock_};
  TokenCache cache_{clock_.context().get_executor(), clock_, homeserver_, options()};
  async::TaskGroup waiting_{clock_.context().get_executor()};
};

TEST_F(TokenCacheTest, AsksOnceWithinTheTimeToLive) {
  EXPECT_EQ(std::get<Identity>(identify("alice")).user_id, alice.user_id);
  clock_.advance(5min - 1ms);
  EXPECT_EQ(std::get<Identity>(identify("alice")).device_id, alice.device_id);
  EXPECT_EQ(homeserver_.whoami_calls, 1u);
  clock_.advance(1ms);
  EXPECT_EQ(std::get<Identity>(identify("alice")).user_id, alice.user_id);
  EXPECT_EQ(homeserver_.whoami_calls, 2u);
}

TEST_F(TokenCacheTest, AsksNothingOfWhoTakesWhatItRemembersHoweverOldThatIs) {
  TokenQuestion question{with_token("alice")};
  question.takes_any_age = true;
  question.only_if_remembered = true;
  EXPECT_TRUE(std::holds_alternative<Busy>(identify(question)));
  EXPECT_EQ(homeserver_.whoami_calls, 0u);
  question.only_if_remembered = false;
  EXPECT_EQ(std::get<Identity>(identify(question)).user_id, alice.user_id);
  clock_.advance(14min);
  EXPECT_EQ(std::get<Identity>(identify(question)).user_id, alice.user_id);
  question.only_if_remembered = true;
  EXPECT_EQ(std::get<Identity>(identify(question)).user_id, alice.user_id);
  EXPECT_EQ(homeserver_.whoami_calls, 1u);
}

TEST_F(TokenCacheTest, TellsCredentialsApart) {
  identify("alice");
  identify("bob");
  identify(Credentials{testing::access_token("alice"), "@someone:example.org", std::nullopt});
  identify(Credentials{testing::access_token("alice"), std::nullopt, "@someone:example.org"});
  identify(Credentials{testing::access_token("alice"), "", std::nullopt});
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
}

TEST_F(TokenCacheTest, RemembersARefusalForSeconds) {
  EXPECT_EQ(std::get<domain::HomeserverError>(identify("unknown")).status, 401);
  EXPECT_EQ(std::get<domain::HomeserverError>(identify("unknown")).status, 401);
  EXPECT_EQ(homeserver_.whoami_calls, 1u);
  homeserver_.tokens["unknown"] = alice;
  clock_.advance(5s);
  EXPECT_TRUE(std::holds_alternative<Identity>(identify("unknown")));
}

TEST_F(TokenCacheTest, RemembersNoRefusalThatMayBeTakenBack) {
  const domain::HomeserverError locked{401, R"({"errcode":"M_USER_LOCKED","error":"locked"})"};
  homeserver_.next_whoami_answers = {locked};
  EXPECT_EQ(std::get<domain::HomeserverError>(identify("alice")).status, 401);
  EXPECT_TRUE(std::holds_alternative<Identity>(identify("alice")));
}

TEST_F(TokenCacheTest, RefusalsTakeNoPlaceOfWhatIsKnown) {
  for (const char* token : {"alice", "bob", "1", "2", "3", "4", "5"}) identify(token);
  EXPECT_EQ(homeserver_.whoami_calls, 7u);
  identify("alice");
  identify("bob");
  identify("5");
  EXPECT_EQ(homeserver_.whoami_calls, 7u);
  identify("1");  // no more than max_refusals are remembered
  EXPECT_EQ(homeserver_.whoami_calls, 8u);
}

TEST_F(TokenCacheTest, OneTokenTakesNoMoreThanItsShareWhateverItNames) {
  identify("bob");
  for (int name = 0; name < 100; ++name)
    identify(Credentials{testing::access_token("alice"), std::to_string(name), std::nullopt});
  const std::size_t calls = homeserver_.whoami_calls;
  identify("bob");
  identify(Credentials{testing::access_token("alice"), "98", std::nullopt});
  identify(Credentials{testing::access_token("alice"), "99", std::nullopt});
  EXPECT_EQ(homeserver_.whoami_calls, calls);
}

TEST_F(TokenCacheTest, ConcurrentMissesShareOneCall) {
  homeserver_.whoami_time = 100ms;
  std::vector<TokenAnswer> answers;
  async::TaskGroup tasks(clock_.context().get_executor());
  for (int i = 0; i < 10; ++i) tasks.spawn("identify", identify_into("alice", answers));
  tasks.spawn("identify", identify_into("bob", answers));
  clock_.run(tasks.join());
  EXPECT_EQ(homeserver_.whoami_calls, 2u);
  EXPECT_EQ(answers.size(), 11u);
  for (const auto& answer : answers) EXPECT_TRUE(std::holds_alternative<Identity>(answer));
}

TEST_F(TokenCacheTest, TellsOfTheFirstClientThatAskedAndOfNoneThatNeedNotBeAsked) {
  homeserver_.whoami_time = 100ms;
  std::vector<TokenAnswer> answers;
  for (const char* agent : {"first", "second"}) {
    TokenQuestion question{with_token("alice")};
    question.about_client = [agent] { return http::Headers{{"User-Agent", agent}}; };
    waiting_.spawn("ask", answer_into(std::move(question), answers));
    clock_.settle();
  }
  clock_.run(waiting_.join());
  ASSERT_EQ(homeserver_.told_of_clients.size(), 1u);
  EXPECT_EQ(homeserver_.told_of_clients[0].find("User-Agent"), "first");
  TokenQuestion known{with_token("alice")};
  known.about_client = [] { return ADD_FAILURE(), http::Headers(); };
  identify(std::move(known));
}

TEST_F(TokenCacheTest, ACancelledWaiterHarmsNobody) {
  homeserver_.whoami_time = 100ms;
  std::vector<TokenAnswer> answers;
  async::TaskGroup impatient(clock_.context().get_executor());
  async::TaskGroup patient(clock_.context().get_executor());
  impatient.spawn("identify", identify_into("alice", answers));  // makes the call
  patient.spawn("identify", identify_into("alice", answers));
  clock_.advance(50ms);
  impatient.stop();
  clock_.run(impatient.join(), 0ms);
  clock_.run(patient.join());
  EXPECT_EQ(homeserver_.whoami_calls, 1u);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Identity>(answers[0]));
}

TEST_F(TokenCacheTest, ForgetsTheLeastRecentlyUsed) {
  homeserver_.tokens = {{"1", alice}, {"2", alice}, {"3", alice}, {"4", alice}};
  for (const auto* token : {"1", "2", "3", "1", "4"}) identify(token);
  EXPECT_EQ(homeserver_.whoami_calls, 4u);
  identify("1");
  EXPECT_EQ(homeserver_.whoami_calls, 4u);
  identify("2");
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
}

TEST_F(TokenCacheTest, ForgetsATokenWithAllItsCredentials) {
  identify("alice");
  identify(Credentials{testing::access_token("alice"), "@someone:example.org", std::nullopt});
  identify("bob");
  cache_.forget_token(testing::access_token("alice"));
  identify("bob");
  EXPECT_EQ(homeserver_.whoami_calls, 3u);
  identify("alice");
  identify(Credentials{testing::access_token("alice"), "@someone:example.org", std::nullopt});
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
}

TEST_F(TokenCacheTest, ForgetsAUser) {
  homeserver_.tokens["alice-other"] = alice;
  for (const auto* token : {"alice", "alice-other", "bob"}) identify(token);
  cache_.forget_user(alice.user_id);
  identify("bob");
  EXPECT_EQ(homeserver_.whoami_calls, 3u);
  identify("alice");
  identify("alice-other");
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
}

TEST_F(TokenCacheTest, DoesNotRememberWhatWasAskedBeforeItWasForgotten) {
  homeserver_.whoami_time = 100ms;
  std::vector<TokenAnswer> answers;
  for (const bool by_token : {true, false}) {
    const std::size_t calls = homeserver_.whoami_calls;
    async::TaskGroup tasks(clock_.context().get_executor());
    tasks.spawn("identify", identify_into("alice", answers));
    clock_.advance(50ms);
    by_token ? cache_.forget_token(testing::access_token("alice")) : cache_.forget_user(alice.user_id);
    clock_.run(tasks.join());
    identify("alice");
    EXPECT_EQ(homeserver_.whoami_calls, calls + 2);
    cache_.forget_token(testing::access_token("alice"));
  }
}

TEST_F(TokenCacheTest, NobodyForgetsWhatOthersAreAskedAboutByAMadeUpToken) {
  homeserver_.whoami_time = 100ms;
  std::vector<TokenAnswer> answers;
  async::TaskGroup tasks(clock_.context().get_executor());
  tasks.spawn("identify", identify_into("alice", answers));
  clock_.advance(50ms);
  cache_.doubt_user_of(testing::access_token("made-up"));
  cache_.forget_user_of(testing::access_token("made-up"));
  clock_.run(tasks.join());
  identify("alice");
  EXPECT_EQ(homeserver_.whoami_calls, 1u);
}

TEST_F(TokenCacheTest, IsUnreachableWithoutTheHomeserver) {
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(identify("alice")));
  EXPECT_TRUE(std::holds_alternative<Identity>(identify("alice")));
}

TEST_F(TokenCacheTest, ARecentIdentityIsStaleWhileTheHomeserverIsAway) {
  identify("alice");
  clock_.advance(5min);
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_EQ(std::get<Stale>(identify("alice")).identity.user_id, alice.user_id);
  clock_.advance(10min);
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(identify("alice")));
}

TEST_F(TokenCacheTest, AHangingHomeserverHoldsUpNobodyWhoTakesAStaleAnswer) {
  identify("alice");
  clock_.advance(5min);
  homeserver_.whoami_time = 10s;
  const auto start = clock_.steady_now();
  TokenQuestion question{with_token("alice")};
  question.take_stale = start + 1s;
  EXPECT_TRUE(std::holds_alternative<Stale>(identify(question)));
  EXPECT_LE(clock_.steady_now() - start, 1s);
  // The call goes on, and its answer counts.
  clock_.advance(10s);
  EXPECT_TRUE(std::holds_alternative<Identity>(identify("alice")));
  EXPECT_EQ(homeserver_.whoami_calls, 2u);
}

TEST_F(TokenCacheTest, AHangingHomeserverHoldsUpNobodyWhoGivesUp) {
  homeserver_.whoami_time = 10s;
  const auto start = clock_.steady_now();
  TokenQuestion question{with_token("alice")};
  question.give_up = start + 1s;
  EXPECT_TRUE(std::holds_alternative<Unreachable>(identify(question)));
  EXPECT_LE(clock_.steady_now() - start, 1s);
}

TEST_F(TokenCacheTest, AsksAgainWhereTheAnswerIsNotRecentEnough) {
  identify("alice");
  clock_.advance(31s);
  TokenQuestion question{with_token("alice")};
  question.not_before = clock_.steady_now() - 30s;
  homeserver_.tokens.clear();
  EXPECT_TRUE(std::holds_alternative<Identity>(identify("alice")));
  EXPECT_TRUE(std::holds_alternative<domain::HomeserverError>(identify(question)));
  EXPECT_TRUE(std::holds_alternative<domain::HomeserverError>(identify("alice")));
}

TEST_F(TokenCacheTest, ACallThatBeganTooEarlyIsNotRecentEnough) {
  homeserver_.whoami_time = 10s;
  std::vector<TokenAnswer> answers;
  ask("alice", "there", answers);
  clock_.advance(5s);
  TokenQuestion question{with_token("alice")};
  question.not_before = clock_.steady_now();
  identify(question);
  EXPECT_EQ(homeserver_.whoami_calls, 2u);
  clock_.run(waiting_.join());
}

TEST_F(TokenCacheTest, MadeUpTokensDelayNobody) {
  identify("alice");
  homeserver_.whoami_time = 8s;
  std::vector<TokenAnswer> answers;
  for (int token = 0; token < 300; ++token) ask("made-up-" + std::to_string(token), "198.51.100.1", answers);
  EXPECT_EQ(homeserver_.whoami_calls, 1 + options().max_calls_per_address);
  EXPECT_EQ(answers.size(), 300 - options().max_calls_per_address);  // at once
  for (const TokenAnswer& answer : answers) EXPECT_TRUE(std::holds_alternative<Busy>(answer));

  // Somebody new from another address is asked about, and who is known is asked about again in places of their own.
  ask("bob", "198.51.100.2", answers);
  EXPECT_EQ(homeserver_.whoami_calls, 2 + options().max_calls_per_address);
  ask("somebody", "198.51.100.3", answers);
  EXPECT_TRUE(std::holds_alternative<Busy>(answers.back()));
  clock_.advance(1ms);
  const auto start = clock_.steady_now();
  TokenQuestion again{with_token("alice")};
  again.not_before = start;
  EXPECT_TRUE(std::holds_alternative<Identity>(identify(again)));
  EXPECT_EQ(clock_.steady_now() - start, 8s);
  clock_.run(waiting_.join());
}

TEST_F(TokenCacheTest, CallsForKnownTokensAreBoundedToo) {
  identify("alice");
  homeserver_.whoami_time = 8s;
  std::vector<TokenAnswer> answers;
  for (int name = 0; name < 10; ++name) {
    TokenQuestion question{Credentials{testing::access_token("alice"), std::to_string(name), std::nullopt}};
    waiting_.spawn("ask", answer_into(std::move(question), answers));
  }
  clock_.settle();
  EXPECT_EQ(homeserver_.whoami_calls, 1 + options().max_calls_per_token);
  EXPECT_EQ(answers.size(), 10 - options().max_calls_per_token);
  // Who has a stale answer is given that.
  clock_.advance(1ms);
  TokenQuestion again{with_token("alice")};
  again.not_before = clock_.steady_now();
  EXPECT_TRUE(std::holds_alternative<Stale>(identify(again)));
  clock_.run(waiting_.join());
}

TEST_F(TokenCacheTest, ForgetsTheUserOfAToken) {
  homeserver_.tokens["alice-other"] = alice;
  for (const char* token : {"alice", "alice-other", "bob"}) identify(token);
  cache_.forget_user_of(testing::access_token("alice"));
  cache_.forget_user_of(testing::access_token("nobody"));
  for (const char* token : {"bob", "alice", "alice-other"}) identify(token);
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
}

TEST_F(TokenCacheTest, AsksAgainAboutAllTokensOfADoubtedUser) {
  homeserver_.tokens["alice-other"] = alice;
  for (const char* token : {"alice", "alice-other", "bob"}) identify(token);
  cache_.doubt_user_of(testing::access_token("alice"));
  cache_.doubt_user_of(testing::access_token("nobody"));
  for (const char* token : {"bob", "alice", "alice-other"}) identify(token);
  EXPECT_EQ(homeserver_.whoami_calls, 5u);
  for (const char* token : {"bob", "alice", "alice-other"}) identify(token);
  EXPECT_EQ(homeserver_.whoami_calls, 5u) << "it has been told that they are good";
}

TEST_F(TokenCacheTest, ADoubtedTokenIsStaleWhileNobodyCanBeAsked) {
  identify("alice");
  cache_.doubt_user_of(testing::access_token("alice"));
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_TRUE(std::holds_alternative<Stale>(identify("alice")));
  homeserver_.tokens.clear();
  EXPECT_TRUE(std::holds_alternative<domain::HomeserverError>(identify("alice")));
}

TEST_F(TokenCacheTest, CountsHowItAnswers) {
  identify("alice");
  identify("alice");
  identify("nobody");
  identify("nobody");
  clock_.advance(5min);
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_TRUE(std::holds_alternative<Stale>(identify("alice")));
  const TokenFigures figures = cache_.figures();
  EXPECT_EQ(figures.known, 1u);
  EXPECT_EQ(figures.refused, 1u);
  EXPECT_EQ(figures.asked, 3u);
  EXPECT_EQ(figures.stale, 1u);
  EXPECT_EQ(figures.busy, 0u);
  EXPECT_EQ(figures.entries, 1u);
  EXPECT_EQ(figures.calls, 0u);
}

TEST_F(TokenCacheTest, ARefusedTokenIsNotStaleAfterwards) {
  identify("alice");
  clock_.advance(5min);
  homeserver_.tokens.clear();
  EXPECT_TRUE(std::holds_alternative<domain::HomeserverError>(identify("alice")));
  clock_.advance(5s);
  homeserver_.next_whoami_answers = {Unreachable{"down"}};
  EXPECT_TRUE(std::holds_alternative<Unreachable>(identify("alice")));
}

TEST_F(TokenCacheTest, CloseAnswersThoseWhoWait) {
  homeserver_.whoami_time = 10s;
  std::vector<TokenAnswer> answers;
  async::TaskGroup tasks(clock_.context().get_executor());
  tasks.spawn("identify", identify_into("alice", answers));
  clock_.advance(1s);
  clock_.run(cache_.close(), 0ms);
  clock_.run(tasks.join(), 0ms);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Unreachable>(answers[0]));
}

}  // namespace
}  // namespace afterword::homeserver
