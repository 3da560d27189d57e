// What the operations listener answers: /metrics for Prometheus, /health/live and /health/ready for whoever watches
// over the process, and for operators an API (operator_api.h) and a console (console.h). Nothing of Matrix, and the
// public listener answers none of it.
//
// Thread: the server's only one.
#pragma once

#include "async/task.h"
#include "http/message.h"
#include "http/server_options.h"
#include "monitoring/operator_api.h"
#include "monitoring/readiness.h"

#include <functional>
#include <string>
#include <utility>

namespace afterword::monitoring {

class Operations {
 public:
  // `metrics`: their text (exposition.h). All outlive it. `is_local`: it listens at loopback addresses alone.
  Operations(std::function<std::string()> metrics, Readiness& readiness, OperatorApi& api, bool is_local)
      : metrics_(std::move(metrics)), readiness_(readiness), api_(api), is_local_(is_local) {}

  async::Task<http::Response> handle(http::Request request);

 private:
  async::Task<http::Response> ready();

  const std::function<std::string()> metrics_;
  Readiness& readiness_;
  OperatorApi& api_;
  const bool is_local_;
};

// But for the number of connections. Only the API takes bodies, and small ones.
http::ServerOptions server_options();

inline constexpr const char* ready_path = "/health/ready";

}  // namespace afterword::monitoring
