#include "gateway/delay_ids_of_sender.h"

#include "async/testing/manual_clock.h"
#include "http/gzip.h"
#include "http/testing/body_in_pieces.h"
#include "store/forwarding_store.h"
#include "store/testing/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace afterword::gateway {
namespace {

using http::testing::BodyInPieces;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

const domain::UserId alice("@alice:example.org");
const domain::UserId bob("@bob:example.org");
const std::string event = R"({"event_id":"$sent","sender":"@alice:example.org"})";

class Asked final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  async::Task<store::StoreResult<std::vector<store::SentEvent>>> list_sent(domain::UserId user_id,
                                                                           std::uint32_t limit) override {
    ++times;
    return ForwardingStore::list_sent(std::move(user_id), limit);
  }
  async::Task<store::StoreResult<std::vector<store::SentEvent>>> find_sent(
      domain::UserId user_id, std::vector<domain::EventId> event_ids) override {
    ++times;
    ++times_by_name;
    if (is_unavailable) co_return store::Unavailable{"the disk is full"};
    co_return co_await ForwardingStore::find_sent(std::move(user_id), std::move(event_ids));
  }
  int times = 0;
  int times_by_name = 0;
  bool is_unavailable = false;
};

class DelayIdsOfSender : public ::testing::Test {
 protected:
  DelayIdsOfSender() {
    const std::string id = '"' + send("$sent").to_string() + '"';
    const std::string members = R"("org.matrix.msc4140.delay_id":)" + id + R"(,"delay_id":)" + id;
    event_with_id = event.substr(0, event.size() - 1) + R"(,"unsigned":{)" + members + "}}";
  }

  domain::DelayId send(const std::string& event_id) {
    domain::NewDelayedEvent delayed;
    delayed.delay_id = domain::DelayId::random();
    delayed.event.user_id = alice;
    delayed.event.content = "{}";
    delayed.timing = {clock_.now(), 1ms};
    clock_.run(memory_.schedule(delayed, std::nullopt));
    const domain::Attempt attempt{WallTime(), true};
    clock_.run(memory_.claim(delayed.delay_id, std::nullopt, attempt, clock_.now()));
    clock_.run(memory_.finalise(delayed.delay_id, {clock_.now(), domain::EventId(event_id)}));
    return delayed.delay_id;
  }

  static http::Response answer(std::string body, std::shared_ptr<http::BodyStream> rest = nullptr) {
    http::Response answer{200, {{"Content-Type", "application/json"}, {"ETag", "x"}}, std::move(body)};
    answer.rest = std::move(rest);
    return answer;
  }
  http::Response show(http::Response answer, bool takes_gzip = false, const domain::UserId& reader = alice) {
    return clock_.run(show_delay_ids_of(senders_, bodies_, {reader, takes_gzip, ""}, std::move(answer)));
  }
  // To its end.
  std::string body_of(http::Response answer) {
    std::string body = std::move(answer.body);
    while (answer.rest) {
      const auto piece = clock_.run(answer.rest->read());
      if (!piece) return body + " broken off";
      if (piece->empty()) break;
      body += *piece;
    }
    return body;
  }
  http::ByteBudget::Share room() { return http::ByteBudget::Share(bodies_); }
  std::string packed(const std::string& body) {
    return body_of(answer("", http::packed(BodyInPieces::of({body}), room())));
  }
  std::string unpacked(const std::string& body) {
    return body_of(answer("", http::unpacked(BodyInPieces::of({body}), room())));
  }

  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::MemoryStore memory_{database_};
  Asked store_{memory_};
  store::KnownSenders senders_{clock_, store_};
  http::ByteBudget bodies_{512 * 1024 * 1024};
  std::string event_with_id;
  // More than is small.
  const std::string padding = "[" + std::string(200'000, ' ');
};

TEST_F(DelayIdsOfSender, AreShownInASmallAnswerWhichStaysWhole) {
  const http::Response whole = show(answer(event));
  EXPECT_EQ(whole.body, event_with_id);
  EXPECT_FALSE(whole.rest);
  EXPECT_FALSE(whole.headers.find("ETag"));
  const http::Response in_pieces =
      show(answer(event.substr(0, 10), BodyInPieces::of({event.substr(10, 7), event.substr(17)})));
  EXPECT_EQ(in_pieces.body, event_with_id);
  EXPECT_FALSE(in_pieces.rest);
}

TEST_F(DelayIdsOfSender, AreShownInALargeAnswerAsItComes) {
  const auto rest = BodyInPieces::of({event, ",", event.substr(0, 20), event.substr(20), "]"});
  http::Response shown = show(answer(padding, rest));
  EXPECT_EQ(shown.body, padding);
  EXPECT_EQ(rest->pieces_read(), 0U);
  EXPECT_EQ(*clock_.run(shown.rest->read()), event_with_id);
  EXPECT_EQ(rest->pieces_read(), 1U);
  EXPECT_EQ(body_of(std::move(shown)), padding + "," + event_with_id + "]");
}

TEST_F(DelayIdsOfSender, LeaveEverybodyElsesAnswersAlone) {
  const std::string of_bob = R"({"event_id":"$sent","sender":"@bob:example.org"})";
  const auto rest = BodyInPieces::of({"]"});
  const http::Response shown = show(answer("[" + of_bob, rest), true, bob);
  EXPECT_EQ(shown.body, "[" + of_bob);
  EXPECT_EQ(shown.rest, rest);
  EXPECT_TRUE(shown.headers.find("ETag"));
  EXPECT_FALSE(shown.headers.find("Content-Encoding"));
}

TEST_F(DelayIdsOfSender, AskTheStoreNothingWhereNoEventIsNamed) {
  EXPECT_EQ(show(answer(R"({"next_batch":"s1"})")).body, R"({"next_batch":"s1"})");
  EXPECT_EQ(store_.times, 0);
}

TEST_F(DelayIdsOfSender, AreShownInGzipToWhomTakesIt) {
  const std::string large = padding + event + "]";
  http::Response shown = show(answer(padding, BodyInPieces::of({event, "]"})), true);
  EXPECT_EQ(shown.headers.find("Content-Encoding"), "gzip");
  EXPECT_EQ(shown.headers.find("Vary"), "Accept-Encoding");
  EXPECT_EQ(unpacked(body_of(std::move(shown))), padding + event_with_id + "]");

  shown = show(answer("[" + std::string(2'000, ' ') + event + "]"), true);
  EXPECT_EQ(shown.headers.find("Content-Encoding"), "gzip");
  EXPECT_FALSE(shown.rest) << "a small one stays whole";
  EXPECT_EQ(unpacked(shown.body), "[" + std::string(2'000, ' ') + event_with_id + "]");

  shown = show(answer(event), true);
  EXPECT_FALSE(shown.headers.find("Content-Encoding")) << "not worth it";
}

TEST_F(DelayIdsOfSender, AreShownInWhatComesInGzip) {
  for (const bool takes_gzip : {true, false}) {
    const std::string in_gzip = packed(padding + event + "]");
    http::Response sent = answer(in_gzip.substr(0, 20), BodyInPieces::of({in_gzip.substr(20)}));
    sent.headers.add("Content-Encoding", "gzip");
    http::Response shown = show(std::move(sent), takes_gzip);
    EXPECT_EQ(shown.headers.find("Content-Encoding").has_value(), takes_gzip);
    const std::string body = body_of(std::move(shown));
    EXPECT_EQ(takes_gzip ? unpacked(body) : body, padding + event_with_id + "]");
  }
}

TEST_F(DelayIdsOfSender, GoWithoutGzipWhereThereIsNoRoom) {
  http::ByteBudget::Share taken(bodies_, "somebody", true);
  taken.hold(500 * 1024 * 1024);
  const http::Response shown = show(answer("[" + std::string(2'000, ' ') + event + "]"), true);
  EXPECT_FALSE(shown.headers.find("Content-Encoding"));
  EXPECT_EQ(shown.body, "[" + std::string(2'000, ' ') + event_with_id + "]");
}

// So many own events, of which the last was sent with a delay, in pieces.
std::vector<std::string> own_events(int count) {
  std::vector<std::string> pieces;
  for (int i = 0; i + 1 < count; ++i) {
    pieces.push_back(R"({"event_id":"$)" + std::to_string(i) + R"(","sender":"@alice:example.org"},)");
  }
  pieces.push_back(event + "]");
  return pieces;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

TEST_F(DelayIdsOfSender, AreAskedForOnceWhereTheAnswerHasManyOwnEvents) {
  const std::vector<std::string> pieces = own_events(1'000);
  const std::string all = joined(pieces);
  const std::string all_with_id = all.substr(0, all.size() - event.size() - 1) + event_with_id + "]";
  EXPECT_EQ(body_of(show(answer(padding, BodyInPieces::of(pieces)))), padding + all_with_id);
  EXPECT_EQ(store_.times_by_name, 100);
  EXPECT_EQ(bodies_.taken_bytes(), 0u);
}

// As another instance does it.
TEST_F(DelayIdsOfSender, AreThoseOfWhatWasSentUntilTheHomeserverAnswered) {
  const std::string body = "[" + joined(own_events(1'000));
  EXPECT_THAT(body_of(show(answer(body))), HasSubstr(event_with_id));
  const std::string id = send("$7").to_string();
  EXPECT_THAT(body_of(show(answer(body))), AllOf(HasSubstr(event_with_id), HasSubstr(id)));
}

TEST_F(DelayIdsOfSender, AreAskedForByNameOfOneWhoHasSentAGreatMany) {
  for (int i = 0; i < 2'000; ++i) send("$other" + std::to_string(i));
  EXPECT_THAT(body_of(show(answer(padding, BodyInPieces::of(own_events(1'000))))), HasSubstr(event_with_id));
  EXPECT_EQ(store_.times_by_name, 1'000);
}

TEST_F(DelayIdsOfSender, AreAskedForByNameWhereThereIsNoRoomToKnowAll) {
  http::ByteBudget::Share taken(bodies_, "somebody", true);
  taken.hold(500 * 1024 * 1024);
  EXPECT_THAT(body_of(show(answer(padding, BodyInPieces::of(own_events(1'000))))), HasSubstr(event_with_id));
  EXPECT_EQ(store_.times_by_name, 1'000);
}

TEST_F(DelayIdsOfSender, BreakOffWithTheAnswer) {
  EXPECT_EQ(show(answer(event, BodyInPieces::broken_off_after({}))).status, http::no_answer);
  const std::string body = body_of(show(answer(padding, BodyInPieces::broken_off_after({event}))));
  EXPECT_EQ(body, padding + event_with_id + " broken off");
}

TEST_F(DelayIdsOfSender, AreLeftOutWhileTheStoreCannotBeAsked) {
  store_.is_unavailable = true;
  EXPECT_EQ(show(answer(event)).body, event);
}

TEST(CanBeLookedInto, JsonOfASuccess) {
  const auto with = [](int status, http::Headers headers) {
    return can_be_looked_into(http::Response{status, std::move(headers), ""});
  };
  EXPECT_TRUE(with(200, {{"Content-Type", "application/json"}}));
  EXPECT_TRUE(with(200, {{"Content-Type", "application/json; charset=utf-8"}, {"Content-Encoding", "identity"}}));
  EXPECT_TRUE(with(200, {{"Content-Type", "application/json"}, {"Content-Encoding", "GZIP"}}));
  EXPECT_FALSE(with(200, {{"Content-Type", "application/json"}, {"Content-Encoding", "br"}}));
  EXPECT_FALSE(with(200, {{"Content-Type", "text/html"}}));
  EXPECT_FALSE(with(200, {}));
  EXPECT_FALSE(with(206, {{"Content-Type", "application/json"}}));
}

}  // namespace
}  // namespace afterword::gateway
