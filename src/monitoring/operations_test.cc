#include "monitoring/operations.h"

#include "async/testing/manual_clock.h"
#include "homeserver/testing/fake_homeserver.h"
#include "store/testing/memory_store.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::monitoring {
namespace {

class OperationsTest : public ::testing::Test {
 protected:
  ~OperationsTest() override { clock_.run(readiness_.close()); }

  http::Response ask(std::string target, std::string method = "GET") {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    return clock_.run(operations_.handle(std::move(request)));
  }

  async::testing::ManualClock clock_;
  store::testing::MemoryDatabase database_{[this] { return clock_.now(); }};
  store::testing::MemoryStore store_{database_};
  homeserver::testing::FakeHomeserver homeserver_{clock_};
  delivery::Delivery delivery_{clock_.context().get_executor(), clock_, store_, homeserver_};
  api::Context context_{clock_, store_, delivery_, {}};
  Readiness readiness_{clock_.context().get_executor(), clock_, store_};
  OperatorApi api_{context_, readiness_, [] { return json::object(); }, std::nullopt};
  Operations operations_{[] { return "some metrics"; }, readiness_, api_, false};
};

TEST_F(OperationsTest, IsLiveFromTheStartAndReadyWhenItServes) {
  EXPECT_EQ(ask("/health/live").status, 200);
  EXPECT_EQ(ask("/health/ready").status, 503);
  EXPECT_EQ(ask("/health/ready").body, "not ready: it is starting\n");
  readiness_.begin();
  EXPECT_EQ(ask("/health/ready").status, 200);
  EXPECT_EQ(ask("/health/ready", "HEAD").status, 200);
}

TEST_F(OperationsTest, HasNothingElse) {
  EXPECT_EQ(ask("/").status, 404);
  EXPECT_EQ(ask("/_matrix/client/versions").status, 404);
  EXPECT_EQ(ask("/metrics/").status, 404);
  EXPECT_EQ(ask("/metrics", "POST").status, 405);
}

TEST_F(OperationsTest, GivesTheMetricsTheTypeThatPrometheusKnows) {
  const http::Response response = ask("/metrics?name=anything");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.find("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "some metrics");
}

}  // namespace
}  // namespace afterword::monitoring
