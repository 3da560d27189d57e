#include "delivery/dispatcher.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace afterword::delivery {
namespace {

TEST(RoomTurn, HoweverItEndsItsRoomAndItsPlaceAreGivenBack) {
  async::asio::io_context io_context;
  async::Condition changed(io_context.get_executor());
  RoomQueues queues({1, 1}, {1, 1});
  const Lane room{domain::RoomId("!a:example.org")};
  const domain::UserId alice("@alice:example.org");
  queues.push(room, {from_ms(10), domain::DelayId(domain::DelayId::Bytes{1}), alice});
  const auto take = [&] { return queues.take_turn(TurnKind::fresh, Timestamp::max()); };

  for (int i = 0; i < 10; ++i) {
    auto taken = take();
    ASSERT_TRUE(taken);
    const RoomTurn turn(queues, changed, std::move(*taken));
    EXPECT_FALSE(take());
  }
  {
    RoomTurn turn(queues, changed, *take());
    RoomTurn moved(std::move(turn));
    moved.finish();
  }
  EXPECT_FALSE(take());
  queues.push(room, {from_ms(20), domain::DelayId(domain::DelayId::Bytes{2}), alice});
  EXPECT_TRUE(take());
}

}  // namespace
}  // namespace afterword::delivery
