// A client and an HTTP server on the loopback interface, for tests of what asks a homeserver over HTTP.
#pragma once

#include "async/clock.h"
#include "http/client.h"
#include "http/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace afterword::homeserver::testing {

class LoopbackTest : public ::testing::Test {
 protected:
  LoopbackTest() {
    EXPECT_TRUE(server_.listen({"127.0.0.1", 0}));
    connect();
  }
  ~LoopbackTest() override {
    http_->close();
    run(server_.drain(std::chrono::seconds(1)));
  }

  // The client, as new.
  void connect() {
    http::Origin origin;
    origin.host = "127.0.0.1";
    origin.port = server_.port();
    http_.emplace(context_.get_executor(), origin);
  }

  template <class T>
  T run(async::Task<T> task) {
    auto future = async::asio::co_spawn(context_, std::move(task), async::asio::use_future);
    context_.restart();
    while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context_.run_one();
    return future.get();
  }

  async::asio::io_context context_{1};
  async::SystemClock clock_{context_.get_executor()};
  std::vector<http::Request> requests_;
  std::function<http::Response(const http::Request&)> answer_;
  std::chrono::milliseconds answer_time_{0};
  http::Server server_{context_.get_executor(), [this](http::Request request) { return answer(std::move(request)); }};
  std::optional<http::Client> http_;

 private:
  async::Task<http::Response> answer(http::Request request) {
    requests_.push_back(std::move(request));
    http::Response response = answer_(requests_.back());
    if (answer_time_ > std::chrono::milliseconds(0)) co_await clock_.sleep_for(answer_time_);
    co_return response;
  }
};

}  // namespace afterword::homeserver::testing
