#include "homeserver/fingerprint.h"

#include <gtest/gtest.h>

namespace afterword::homeserver {
namespace {

using Match = Fingerprint::Match;

class FingerprintTest : public ::testing::Test {
 protected:
  FingerprintTest() {
    event_.user_id = domain::UserId("@alice:example.org");
    event_.room_id = domain::RoomId("!room:example.org");
    event_.type = "m.room.message";
    event_.content = R"({"body":"hello","n":1})";
  }

  Match match(const std::string& text) const {
    const domain::Attempt attempt{wall_from_ms(5)};
    return Fingerprint(delay_id_, event_, attempt).match(*JsonText::read(text));
  }

  const domain::DelayId delay_id_ = domain::DelayId::random();
  domain::EventToSend event_;
};

TEST_F(FingerprintTest, IsSenderTypeContentAndTime) {
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,
                      "content":{"n":1,"body":"hello"},"unsigned":{"age":3}})"),
            Match::alike);
  EXPECT_EQ(match(R"({"sender":"@bob:example.org","type":"m.room.message","origin_server_ts":5,
                      "content":{"n":1,"body":"hello"}})"),
            Match::no);
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.reaction","origin_server_ts":5,
                      "content":{"n":1,"body":"hello"}})"),
            Match::no);
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":6,
                      "content":{"n":1,"body":"hello"}})"),
            Match::no);
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,
                      "content":{"n":2,"body":"hello"}})"),
            Match::no);
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,"state_key":"",
                      "content":{"n":1,"body":"hello"}})"),
            Match::no);
}

TEST_F(FingerprintTest, IsTheTransactionWhereItIsShown) {
  const std::string begin = R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,
                                "content":{"n":1,"body":"hello"},"unsigned":{"transaction_id":")";
  EXPECT_EQ(match(begin + delay_id_.to_string() + "\"}}"), Match::exact);
  EXPECT_EQ(match(begin + "other\"}}"), Match::no);
}

TEST_F(FingerprintTest, KnowsStateEventsByTheirKey) {
  event_.kind = domain::EventKind::state;
  event_.type = "org.matrix.msc3401.call.member";
  event_.state_key = "key";
  event_.content = "{}";
  const std::string begin = R"({"sender":"@alice:example.org","type":"org.matrix.msc3401.call.member",
                                "origin_server_ts":5,"content":{})";
  EXPECT_EQ(match(begin + R"(,"state_key":"key"})"), Match::alike);
  EXPECT_EQ(match(begin + R"(,"state_key":"other"})"), Match::no);
  EXPECT_EQ(match(begin + "}"), Match::no);
}

class FingerprintOfRedactionTest : public FingerprintTest {
 protected:
  FingerprintOfRedactionTest() {
    event_.kind = domain::EventKind::redaction;
    event_.type = "";
    event_.redacts = domain::EventId("$gone");
    event_.content = R"({"reason":"why"})";
  }
  Match match(const std::string& rest, const std::string& time = "5") const {
    return FingerprintTest::match(R"({"sender":"@alice:example.org","type":"m.room.redaction","origin_server_ts":)" +
                                  time + "," + rest + "}");
  }
};

TEST_F(FingerprintOfRedactionTest, IsWhatItRedactsInEveryRoomVersion) {
  EXPECT_EQ(match(R"("content":{"redacts":"$gone","reason":"why"})"), Match::alike);
  EXPECT_EQ(match(R"("redacts":"$gone","content":{"reason":"why"})"), Match::alike);
  EXPECT_EQ(match(R"("redacts":"$other","content":{"reason":"why"})"), Match::no);
  EXPECT_EQ(match(R"("redacts":"$gone","content":{"reason":"another"})"), Match::no);
}

TEST_F(FingerprintOfRedactionTest, HoldsWhateverItsTimeIs) {
  EXPECT_EQ(match(R"("redacts":"$gone","content":{"reason":"why"})", "4711"), Match::alike);
  const std::string begin = R"("redacts":"$gone","content":{"reason":"why"},"unsigned":{"transaction_id":")";
  EXPECT_EQ(match(begin + delay_id_.to_string() + "\"}", "4711"), Match::exact);
  EXPECT_EQ(match(begin + "other\"}", "5"), Match::no);
}

TEST_F(FingerprintOfRedactionTest, KnowsAnEmptyReasonForNone) {
  event_.content = "{}";
  EXPECT_EQ(match(R"("redacts":"$gone","content":{"reason":""})"), Match::alike);
}

TEST_F(FingerprintTest, KnowsAMembershipThatWasGivenAProfile) {
  event_.kind = domain::EventKind::state;
  event_.type = "m.room.member";
  event_.state_key = "@alice:example.org";
  event_.content = R"({"membership":"join"})";
  const std::string begin = R"({"sender":"@alice:example.org","type":"m.room.member","origin_server_ts":5,
                                "state_key":"@alice:example.org","content":)";
  EXPECT_EQ(match(begin + R"({"membership":"join","displayname":"Alice"}})"), Match::alike);
  EXPECT_EQ(match(begin + R"({"membership":"leave"}})"), Match::no);
}

// What the owner wrote is stored as Boost.JSON writes it, and the homeserver writes it again in its own way.
TEST_F(FingerprintTest, KnowsAFractionHoweverItIsWritten) {
  event_.content = R"({"list":[{"n":123457777777777777777777777777777776e5,"one":1.0}]})";
  const std::string begin = R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,"content":)";
  EXPECT_EQ(match(begin + R"({"list":[{"one":1,"n":1.2345777777777777e+40}]}})"), Match::alike);
  EXPECT_EQ(match(begin + R"({"list":[{"one":1.0,"n":1.2345777777777779e+40}]}})"), Match::alike);
  EXPECT_EQ(match(begin + R"({"list":[{"one":1.0,"n":1.2345778e+40}]}})"), Match::no);
  EXPECT_EQ(match(begin + R"({"list":[{"one":1.0,"m":1.2345777777777777e+40}]}})"), Match::no);
  EXPECT_EQ(match(begin + R"({"list":[{"one":1.0,"n":"1.2345777777777777e+40"}]}})"), Match::no);
  EXPECT_EQ(match(begin + R"({"list":[]}})"), Match::no);
}

TEST_F(FingerprintTest, KnowsWhatHasBeenRedactedSince) {
  EXPECT_EQ(match(R"({"sender":"@alice:example.org","type":"m.room.message","origin_server_ts":5,
                      "content":{},"unsigned":{"redacted_because":{}}})"),
            Match::alike);
}

}  // namespace
}  // namespace afterword::homeserver
