#include "gateway/outcomes_of_owner.h"

#include "async/testing/manual_clock.h"
#include "base/json.h"
#include "http/testing/body_in_pieces.h"
#include "store/testing/hindered_store.h"
#include "store/testing/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace afterword::gateway {
namespace {

using http::testing::BodyInPieces;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

const domain::UserId alice("@alice:example.org");
const domain::UserId bob("@bob:example.org");

class OutcomesOfOwner : public ::testing::Test {
 protected:
  std::string finalise(domain::Outcome outcome, const domain::UserId& user_id = alice, std::string content = "{}") {
    domain::NewDelayedEvent delayed;
    delayed.delay_id = domain::DelayId::random();
    delayed.event.user_id = user_id;
    delayed.event.content = std::move(content);
    delayed.timing = {clock_.now(), 1ms};
    clock_.run(store_.schedule(delayed, std::nullopt));
    const domain::Attempt attempt{WallTime(), true};
    clock_.run(store_.claim(delayed.delay_id, std::nullopt, attempt, clock_.now()));
    clock_.run(store_.finalise(delayed.delay_id, {clock_.now(), std::move(outcome)}));
    return delayed.delay_id.to_string();
  }
  std::string send(const domain::UserId& user_id = alice) { return finalise(domain::EventId("$sent"), user_id); }
  std::string fail() { return finalise(domain::HomeserverError{403, R"({"errcode":"M_FORBIDDEN"})"}); }

  // The body of what the homeserver answers to `since`, as it reaches the client.
  std::string passed(const std::string& since, http::Response answer, const domain::UserId& user_id = alice) {
    const OutcomeSources sources{clock_, store_, told_, bodies_};
    const OutcomeQuestion question{SyncForm::sync, since};
    auto telling = std::make_shared<OutcomeTelling>(sources, TokenHolder{user_id, device_id_}, "", question);
    http::Response told = clock_.run(tell_outcomes(std::move(telling), std::move(answer)));
    std::string body = std::move(told.body);
    while (told.rest) {
      const auto piece = clock_.run(told.rest->read());
      if (!piece) return body + " broken off";
      if (piece->empty()) break;
      body += *piece;
    }
    return body;
  }
  static http::Response answer(const std::string& next_batch) {
    return {200, {{"Content-Type", "application/json"}}, R"({"next_batch":")" + next_batch + R"("})"};
  }
  // The delay_ids in an answer from the one token to the other.
  std::vector<std::string> told(const std::string& since, const std::string& next_batch,
                                const domain::UserId& user_id = alice) {
    const auto body = parse_json_object(passed(since, answer(next_batch), user_id));
    std::vector<std::string> delay_ids;
    const json::value* const events = body->if_contains(outcomes_key);
    if (events == nullptr) return delay_ids;
    EXPECT_FALSE(events->as_array().empty()) << "without any, the key is absent";
    for (const json::value& event : events->as_array()) delay_ids.emplace_back(event.at("delay_id").as_string());
    return delay_ids;
  }

  std::optional<domain::DeviceId> device_id_;  // of the client
  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::MemoryStore store_{database_};
  ToldOutcomes told_;
  http::ByteBudget bodies_{512 * 1024 * 1024};
};

TEST_F(OutcomesOfOwner, AreToldOnceToWhoeverHasHadTheAnswer) {
  EXPECT_THAT(told("", "s1"), IsEmpty());
  const std::string sent = send();
  clock_.advance(1ms);
  const std::string failed = fail();
  finalise(domain::EventId("$bobs"), bob);
  EXPECT_THAT(told("s1", "s2"), ElementsAre(sent, failed));
  EXPECT_THAT(told("s2", "s3"), IsEmpty());
  EXPECT_THAT(told("s1", "s2"), ElementsAre(sent, failed)) << "the answer was lost";
  EXPECT_THAT(told("s3", "s4"), IsEmpty());
}

TEST_F(OutcomesOfOwner, AreToldWhereTheTokenIsNotKnown) {
  const std::string sent = send();
  EXPECT_THAT(told("", "s1"), ElementsAre(sent));
  EXPECT_THAT(told("s1", "s2"), IsEmpty());
  EXPECT_THAT(told("from before our start", "s3"), ElementsAre(sent));
  EXPECT_THAT(told("s1", "s1", bob), IsEmpty());
}

// A homeserver gives several devices of a user the same token.
TEST_F(OutcomesOfOwner, AreToldToADeviceWhateverOthersWereTold) {
  const std::string sent = send();
  device_id_ = domain::DeviceId("A");
  EXPECT_THAT(told("from before our start", "s1"), ElementsAre(sent));
  EXPECT_THAT(told("s1", "s1"), IsEmpty());
  device_id_ = domain::DeviceId("B");
  EXPECT_THAT(told("s1", "s1"), ElementsAre(sent));
  EXPECT_THAT(told("s1", "s1"), IsEmpty());
}

TEST_F(OutcomesOfOwner, AreNotRepeatedForATokenThatStays) {
  told("", "s1");
  const std::string failed = fail();
  EXPECT_THAT(told("s1", "s1"), ElementsAre(failed));
  EXPECT_THAT(told("s1", "s1"), IsEmpty());
  EXPECT_THAT(told("s1", "s2"), ElementsAre(failed)) << "the first answer may have been lost";
  EXPECT_THAT(told("s2", "s2"), IsEmpty());
}

TEST_F(OutcomesOfOwner, AreNotMissedWhenTheyAreRecordedLate) {
  told("", "s1");
  const Timestamp earlier = clock_.now();
  clock_.advance(5s);
  const std::string later = send();
  EXPECT_THAT(told("s1", "s2"), ElementsAre(later));
  domain::NewDelayedEvent delayed;
  delayed.delay_id = domain::DelayId::random();
  delayed.event.user_id = alice;
  delayed.event.content = "{}";
  delayed.timing = {earlier, 1ms};
  clock_.run(store_.schedule(delayed, std::nullopt));
  const domain::Attempt attempt{WallTime(), true};
  clock_.run(store_.claim(delayed.delay_id, std::nullopt, attempt, clock_.now()));
  clock_.run(store_.finalise(delayed.delay_id, {earlier, domain::EventId("$late")}));
  EXPECT_THAT(told("s2", "s3"), ElementsAre(delayed.delay_id.to_string()));
}

TEST_F(OutcomesOfOwner, AreNotThoseThatWereCancelled) {
  finalise(domain::Cancelled{});
  EXPECT_THAT(told("", "s1"), IsEmpty());
}

TEST_F(OutcomesOfOwner, ComeByAndByWhereThereAreMany) {
  told("", "s1");
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < OutcomeTelling::max_events + 1; ++i) {
    sent.push_back(send());
    clock_.advance(1ms);
  }
  EXPECT_THAT(told("s1", "s2"), ::testing::ElementsAreArray(sent.begin(), sent.end() - 1));
  EXPECT_THAT(told("s2", "s3"), ElementsAre(sent.back()));
  EXPECT_THAT(told("s3", "s4"), IsEmpty());
  EXPECT_THAT(told("", "s5"), ::testing::ElementsAreArray(sent.begin() + 1, sent.end()));
}

TEST_F(OutcomesOfOwner, ComeByAndByWhereTheyAreLarge) {
  told("", "s1");
  const std::string content = R"({"body":")" + std::string(60'000, 'x') + "\"}";
  for (int i = 0; i < 7; ++i) {
    finalise(domain::EventId("$sent"), alice, content);
    clock_.advance(1ms);
  }
  EXPECT_EQ(told("s1", "s2").size(), 5u);
  EXPECT_EQ(told("s2", "s3").size(), 2u);
}

TEST_F(OutcomesOfOwner, StandInAnAnswerThatPassesInPieces) {
  const std::string sent = send();
  http::Response large = answer("s1");
  const std::string padding(200'000, ' ');
  large.body = R"({"next_)";
  large.rest = BodyInPieces::of({R"(batch":"s1")", padding, "}", " "});
  const std::string body = passed("", std::move(large));
  EXPECT_EQ(body.find(R"({"next_batch":"s1")" + padding + R"(,"org.matrix.msc4140.finalised_delayed_events":[{)"), 0u);
  EXPECT_TRUE(parse_json_object(body));
  EXPECT_THAT(told("s1", "s2"), IsEmpty());
}

TEST_F(OutcomesOfOwner, OfAnAnswerThatBrokeOffAreToldAgain) {
  told("", "s1");
  const std::string sent = send();
  http::Response broken = answer("s2");
  broken.body = R"({"next_batch":"s2","rooms":{)" + std::string(200'000, ' ');
  broken.rest = BodyInPieces::broken_off_after({"}"});
  EXPECT_TRUE(passed("s1", std::move(broken)).ends_with("broken off"));
  EXPECT_THAT(told("s1", "s2"), ElementsAre(sent));
}

TEST_F(OutcomesOfOwner, StayOutOfWhatIsCompressedOrNoAnswer) {
  send();
  http::Response packed = answer("s1");
  packed.headers.add("Content-Encoding", "gzip");
  EXPECT_EQ(passed("", packed), packed.body);
  http::Response list = answer("s1");
  list.body = "[]";
  EXPECT_EQ(passed("", list), "[]");
}

TEST_F(OutcomesOfOwner, AreToldBesideATokenThatIsTooLongToKeep) {
  const std::string sent = send();
  const std::string part(10'000, 'x');
  http::Response large = answer("");
  large.body = R"({"next_batch":")" + part;
  large.rest = BodyInPieces::of({part, part, "\"}"});
  const std::string body = passed("", std::move(large));
  EXPECT_TRUE(body.starts_with(R"({"next_batch":")" + part + part + part + '"'));
  EXPECT_TRUE(parse_json_object(body)) << body.substr(30'000);
}

TEST_F(OutcomesOfOwner, AreToldLaterIfTheStoreCannotBeAsked) {
  told("", "s1");
  const std::string sent = send();
  clock_.run(store_.close());
  EXPECT_EQ(passed("s1", answer("s2")), R"({"next_batch":"s2"})");
  store::testing::MemoryStore opened(database_);
  const OutcomeSources sources{clock_, opened, told_, bodies_};
  auto telling = std::make_shared<OutcomeTelling>(sources, TokenHolder{alice, device_id_}, "",
                                                  OutcomeQuestion{SyncForm::sync, "s2"});
  EXPECT_NE(clock_.run(tell_outcomes(std::move(telling), answer("s3"))).body.find(sent), std::string::npos);
}

TEST_F(OutcomesOfOwner, AreNewsOnceForAToken) {
  const auto has_news = [this](const std::string& since, bool is_one_of_now) {
    const OutcomeSources sources{clock_, store_, told_, bodies_};
    OutcomeTelling telling(sources, TokenHolder{alice, device_id_}, "", OutcomeQuestion{SyncForm::sync, since});
    return clock_.run(telling.has_news(is_one_of_now));
  };
  told("", "s1");
  EXPECT_FALSE(has_news("s1", true));
  const std::string failed = fail();
  EXPECT_TRUE(has_news("s1", false));
  EXPECT_FALSE(has_news("s1", true)) << "nobody is woken for the same again, whatever became of the answer";
  EXPECT_FALSE(has_news("unknown", false)) << "or a client of which nothing is known would never wait";
  EXPECT_TRUE(has_news("unknown", true));
  EXPECT_THAT(told("s1", "s2"), ElementsAre(failed));
}

TEST_F(OutcomesOfOwner, AreToldOnlyOfTheLatestWhereNothingIsKnown) {
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < OutcomeTelling::max_events + 5; ++i) {
    sent.push_back(send());
    clock_.advance(1ms);
  }
  const auto latest = ::testing::ElementsAreArray(sent.begin() + 5, sent.end());
  EXPECT_THAT(told("s1", "s1"), latest);
  EXPECT_THAT(told("s1", "s1"), IsEmpty());
  EXPECT_THAT(told("s1", "s2"), latest);
  EXPECT_THAT(told("s2", "s3"), IsEmpty());
}

}  // namespace
}  // namespace afterword::gateway
