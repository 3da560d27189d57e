#include "api/list.h"

#include <gtest/gtest.h>

namespace afterword::api {
namespace {

TEST(ListRequest, ReadsEveryFilter) {
  ListRequest request;
  request.from_ts = "10";
  request.to_ts = "20";
  request.dir = "b";
  request.room_id = "!room:example.org";
  request.type = "m.room.message";
  request.status = "failed";
  const auto query = read_list_request(request, Milliseconds(0));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->from_ts, from_ms(10));
  EXPECT_EQ(query->to_ts, from_ms(20));
  EXPECT_EQ(query->direction, store::Direction::backwards);
  EXPECT_EQ(query->room_id->value, "!room:example.org");
  EXPECT_EQ(query->type, "m.room.message");
  EXPECT_EQ(query->states, std::vector{domain::State::failed});
}

TEST(ListRequest, ReadsWallTime) {
  ListRequest request;
  request.from_ts = "10";
  request.to_ts = "20";
  const auto query = read_list_request(request, Milliseconds(-3));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->from_ts, from_ms(13));
  EXPECT_EQ(query->to_ts, from_ms(23));
}

TEST(ListRequest, RefusesBadValues) {
  const auto errcode = [](auto set) {
    ListRequest request;
    set(request);
    const auto query = read_list_request(request, Milliseconds(0));
    return query ? std::string("accepted") : query.error().errcode;
  };
  for (const char* bad : {"", "x", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(errcode([&](ListRequest& r) { r.from_ts = bad; }), "M_INVALID_PARAM") << bad;
    EXPECT_EQ(errcode([&](ListRequest& r) { r.to_ts = bad; }), "M_INVALID_PARAM") << bad;
    EXPECT_EQ(errcode([&](ListRequest& r) { r.from = bad; }), "M_INVALID_PARAM") << bad;
  }
  EXPECT_EQ(errcode([](ListRequest& r) { r.dir = "up"; }), "M_INVALID_PARAM");
  EXPECT_EQ(errcode([](ListRequest& r) { r.status = "error"; }), "M_INVALID_PARAM");
}

TEST(ListToken, IsReadBack) {
  const store::ListPosition position{from_ms(1'700'000'000'123), domain::DelayId::random()};
  const auto read = read_token(to_token(position));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->due, position.due);
  EXPECT_EQ(read->delay_id, position.delay_id);
}

}  // namespace
}  // namespace afterword::api
