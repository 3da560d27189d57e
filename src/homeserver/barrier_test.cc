#include "homeserver/barrier.h"

#include "homeserver/testing/loopback.h"

#include <gmock/gmock.h>

#include <string>

namespace afterword::homeserver {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class BarrierTest : public testing::LoopbackTest {
 protected:
  BarrierTest() {
    answer_ = [this](const http::Request& request) { return as_dendrite(request); };
  }

  // It shows what it was sent after some looks.
  http::Response as_dendrite(const http::Request& request) {
    const std::string& target = request.target;
    if (target.ends_with("/joined_rooms")) {
      const char* const rooms = R"({"joined_rooms":["!another:example.org","!barrier:example.org"]})";
      return {200, {}, has_room_ ? rooms : R"({"joined_rooms":["!another:example.org"]})"};
    }
    if (target.ends_with("/state/afterword.barrier")) {
      return target.find("barrier%3A") != std::string::npos ? http::Response{200, {}, "{}"}
                                                            : http::Response{404, {}, R"({"errcode":"M_NOT_FOUND"})"};
    }
    if (target.ends_with("/createRoom")) {
      has_room_ = may_create_;
      return may_create_ ? http::Response{200, {}, R"({"room_id":"!barrier:example.org"})"}
                         : http::Response{403, {}, R"({"errcode":"M_FORBIDDEN"})"};
    }
    if (request.method == "PUT") {
      return has_room_ ? http::Response{200, {}, R"({"event_id":"$behind"})"}
                       : http::Response{403, {}, R"({"errcode":"M_FORBIDDEN"})"};
    }
    if (looks_until_shown_-- > 0) return {200, {}, R"({"chunk":[{"event_id":"$earlier"}]})"};
    return {200, {}, R"({"chunk":[{"event_id":"$behind"},{"event_id":"$earlier"}]})"};
  }

  BarrierResult pass() { return run(barrier_.pass()); }

  bool has_room_ = true;
  bool may_create_ = true;
  int looks_until_shown_ = 0;
  Barrier barrier_{*http_, clock_, {.as_token = "secret", .time_limit = 1s}};
};

TEST_F(BarrierTest, IsPassedOnceItsEventShows) {
  looks_until_shown_ = 2;
  EXPECT_EQ(pass(), BarrierResult::passed);
  ASSERT_EQ(requests_.size(), 7u);
  EXPECT_THAT(requests_[3].target, HasSubstr("/rooms/%21barrier%3Aexample.org/send/afterword.barrier/"));
  EXPECT_THAT(requests_[4].target, HasSubstr("/rooms/%21barrier%3Aexample.org/messages?dir=b"));
  EXPECT_EQ(requests_[3].headers.find("Authorization"), "Bearer secret");
  EXPECT_EQ(pass(), BarrierResult::passed);
  EXPECT_EQ(requests_.size(), 9u);  // it knows its room now
  EXPECT_NE(requests_[7].target, requests_[3].target);
}

TEST_F(BarrierTest, MakesItsRoom) {
  has_room_ = false;
  EXPECT_EQ(pass(), BarrierResult::passed);
  EXPECT_THAT(requests_[2].target, HasSubstr("/createRoom"));
  EXPECT_THAT(requests_[2].body, HasSubstr(R"("preset":"private_chat")"));
  EXPECT_THAT(requests_[2].body, HasSubstr(R"("type":"afterword.barrier")"));
}

TEST_F(BarrierTest, CannotBeHadWithoutARoom) {
  has_room_ = false;
  may_create_ = false;
  EXPECT_EQ(pass(), BarrierResult::impossible);
}

TEST_F(BarrierTest, CannotBeHadInARoomThatIsNotOurs) {
  EXPECT_EQ(pass(), BarrierResult::passed);
  has_room_ = false;
  EXPECT_EQ(pass(), BarrierResult::impossible);
  EXPECT_EQ(pass(), BarrierResult::passed);  // in a new one
}

TEST_F(BarrierTest, ProvesWhatWasBeforeIt) {
  const async::Steady before = clock_.steady_now();
  EXPECT_FALSE(barrier_.was_passed(before, clock_.steady_now()));
  EXPECT_EQ(pass(), BarrierResult::passed);
  const async::Steady after = clock_.steady_now();
  EXPECT_TRUE(barrier_.was_passed(before - 1ms, after));
  EXPECT_FALSE(barrier_.was_passed(before - 1ms, before));  // what was looked for before it had been passed
  EXPECT_FALSE(barrier_.was_passed(after, after));          // what may have been made since
}

TEST_F(BarrierTest, IsGivenUpInTime) {
  looks_until_shown_ = 1'000'000;
  EXPECT_EQ(pass(), BarrierResult::late);
}

}  // namespace
}  // namespace afterword::homeserver
