#include "http/name_lookup.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>

namespace afterword::http {
namespace {

namespace asio = async::asio;
using namespace std::chrono_literals;
using Found = NameLookup::Found;

const NameLookup::Addresses there{asio::ip::make_address("192.0.2.1")};

// A name server that answers when it is told to. Shared with the look-ups, which outlive the test.
struct NameServer {
  std::promise<void> may_answer;
  std::shared_future<void> answers = may_answer.get_future().share();
  std::atomic<int> asked = 0;
  const NameLookup::Addresses found = there;
};

class NameLookupTest : public ::testing::Test {
 protected:
  NameLookupTest() {
    lookup_.emplace(context_.get_executor(), "example.org", [server = server_](const std::string&) -> Found {
      ++server->asked;
      server->answers.wait();
      return server->found;
    });
  }

  std::shared_ptr<std::optional<Found>> start(std::chrono::milliseconds limit) {
    auto result = std::make_shared<std::optional<Found>>();
    asio::co_spawn(context_, lookup_->find(limit),
                   [result](const std::exception_ptr&, Found found) { *result = std::move(found); });
    return result;
  }

  std::shared_ptr<NameServer> server_ = std::make_shared<NameServer>();
  asio::io_context context_{1};
  std::optional<NameLookup> lookup_;
};

TEST_F(NameLookupTest, IsAskedOnceForAllWhoWait) {
  const auto first = start(10s);
  const auto second = start(10s);
  server_->may_answer.set_value();
  context_.run();
  EXPECT_EQ(*first->value(), there);
  EXPECT_EQ(*second->value(), there);
  EXPECT_EQ(server_->asked, 1);
}

TEST_F(NameLookupTest, IsNotWaitedForBeyondTheLimit) {
  const auto result = start(20ms);
  context_.run();
  EXPECT_EQ(result->value().error(), "no answer within 20 ms");
  EXPECT_LE(server_->asked, 1);

  // Who asks next waits for the same one, and is told when it answers after all.
  const auto later = start(10s);
  server_->may_answer.set_value();
  context_.restart();
  context_.run();
  EXPECT_EQ(*later->value(), there);
  EXPECT_EQ(server_->asked, 1);
}

TEST_F(NameLookupTest, DoesNotKeepAStopWaiting) {
  const auto result = start(1h);
  context_.run_for(10ms);
  lookup_->abandon();
  context_.run();
  EXPECT_FALSE(result->value());
  lookup_.reset();
  // It answers into nothing, after all of it is gone.
  server_->may_answer.set_value();
}

TEST(NameLookup, AsksTheSystem) {
  const Found found = NameLookup::ask_system("localhost");
  ASSERT_TRUE(found) << found.error();
  for (const auto& address : *found) EXPECT_TRUE(address.is_loopback());
  EXPECT_FALSE(NameLookup::ask_system(std::string(64, 'x')));  // longer than a label may be: no name server is asked
}

}  // namespace
}  // namespace afterword::http
