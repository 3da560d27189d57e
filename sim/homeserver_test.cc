// That the simulated homeserver does what real ones were seen to do.

#include "sim/homeserver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;
using domain::DelayId;
using domain::EventToSend;
using homeserver::Sent;

class SimulatedHomeserverTest : public ::testing::TestWithParam<Product> {
 protected:
  ~SimulatedHomeserverTest() override { node_.abandon(); }

  static EventToSend message() {
    EventToSend event;
    event.user_id = domain::UserId("@alice:example.org");
    event.device_id = domain::DeviceId("PHONE");
    event.room_id = domain::RoomId("!room:example.org");
    event.type = "m.room.message";
    event.content = "{}";
    return event;
  }
  static EventToSend without_device() {
    EventToSend event = message();
    event.device_id.reset();
    return event;
  }

  // All at once, each in a transaction of that id.
  std::vector<homeserver::SendAnswer> send(const std::vector<DelayId>& transactions, const EventToSend& event) {
    std::vector<homeserver::SendAnswer> answers;
    for (const auto& transaction : transactions) node_.spawn(send_into(answers, transaction, event));
    simulation_.run([] { return false; }, simulation_.now() + 1min);
    return answers;
  }
  homeserver::SendAnswer send(DelayId transaction, const EventToSend& event) {
    return send(std::vector{transaction}, event).at(0);
  }
  std::string event_id(const homeserver::SendAnswer& answer) { return std::get<Sent>(answer).event_id.value; }
  std::size_t candidates(DelayId transaction) {
    std::size_t found = 0;
    node_.spawn(look_into(found, transaction));
    simulation_.run([] { return false; }, simulation_.now() + 1min);
    return found;
  }
  void restart() {
    homeserver_.go_down();
    homeserver_.come_up();
  }
  static bool is_synapse() { return GetParam() == Product::synapse; }

  Simulation simulation_{Random(1)};
  Machine machine_;
  Node node_{simulation_, "afterword", machine_};
  SimulatedHomeserver homeserver_{simulation_, Random(2), GetParam()};
  std::unique_ptr<homeserver::Homeserver> link_{homeserver_.link(node_, [](const char*) {})};
  const DelayId one_{DelayId::Bytes{1}};
  const DelayId two_{DelayId::Bytes{2}};

 private:
  static constexpr domain::Attempt attempt{wall_from_ms(1'800'000'000'000)};

  Task<void> send_into(std::vector<homeserver::SendAnswer>& answers, DelayId transaction, EventToSend event) {
    auto answer = co_await link_->send(transaction, event, attempt, SimulatedHomeserver::time_limit);
    answers.push_back(std::move(answer));
  }
  Task<void> look_into(std::size_t& found, DelayId transaction) {
    const EventToSend event = message();
    const auto answer = co_await link_->look_for(transaction, event, attempt);
    found = std::get<homeserver::Candidates>(answer).events.size();
  }
};

TEST_P(SimulatedHomeserverTest, EightRequestsAtOnceOfOneNewTransaction) {
  std::set<std::string> made;
  for (const auto& answer : send(std::vector<DelayId>(8, one_), message())) made.insert(event_id(answer));
  EXPECT_EQ(made.size(), is_synapse() ? 1u : 8u);
  EXPECT_EQ(homeserver_.events().size(), made.size());
}

TEST_P(SimulatedHomeserverTest, ATransactionThatIsDoneAnswersItsEvent) {
  const auto first = event_id(send(one_, message()));
  EXPECT_EQ(event_id(send(one_, message())), first);
  EXPECT_NE(event_id(send(two_, message())), first);
}

TEST_P(SimulatedHomeserverTest, ARestartForgetsTransactionsButThoseThatSynapseKeepsForDevices) {
  const auto of_device = event_id(send(one_, message()));
  const auto of_none = event_id(send(two_, without_device()));
  restart();
  EXPECT_EQ(event_id(send(one_, message())) == of_device, is_synapse());
  EXPECT_NE(event_id(send(two_, without_device())), of_none);
}

TEST_P(SimulatedHomeserverTest, AStateEventEqualToTheCurrentStateIsNoNewEvent) {
  EventToSend state = message();
  state.kind = domain::EventKind::state;
  const auto first = event_id(send(one_, state));
  restart();
  EXPECT_EQ(event_id(send(two_, state)), first);
  state.content = R"({"other":true})";
  EXPECT_NE(event_id(send(two_, state)), first);
}

TEST_P(SimulatedHomeserverTest, ADeviceThatIsGoneIsUnknownToSynapseAlone) {
  homeserver_.remove_device(domain::DeviceId("PHONE"));
  const auto answer = send(one_, message());
  EXPECT_EQ(std::holds_alternative<homeserver::Refused>(answer), is_synapse());
  EXPECT_TRUE(std::holds_alternative<Sent>(send(two_, without_device())));
}

TEST_P(SimulatedHomeserverTest, OnlySynapseShowsTheTransactionByWhichTwinsAreToldApart) {
  send({one_, two_}, message());
  EXPECT_EQ(candidates(one_), is_synapse() ? 1u : 2u);
}

TEST_P(SimulatedHomeserverTest, WhoIsGoneFromTheRoomMayNotSend) {
  homeserver_.kick(message().user_id, message().room_id);
  EXPECT_TRUE(std::holds_alternative<homeserver::Refused>(send(one_, message())));
}

INSTANTIATE_TEST_SUITE_P(Each, SimulatedHomeserverTest, ::testing::Values(Product::synapse, Product::dendrite),
                         [](const auto& product) {
                           return product.param == Product::synapse ? "Synapse" : "Dendrite";
                         });

}  // namespace
}  // namespace afterword::sim
