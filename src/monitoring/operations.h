// What the operations listener answers: /metrics for Prometheus, /health/live and /health/ready for whoever watches
// over the process. Nothing of Matrix, and the public listener answers none of it.
//
// Thread: the server's only one.
#pragma once

#include "async/task.h"
#include "http/message.h"
#include "http/server_options.h"
#include "monitoring/readiness.h"

#include <functional>
#include <string>
#include <utility>

namespace afterword::monitoring {

class Operations {
 public:
  // `metrics`: their text (exposition.h). Both outlive it.
  Operations(std::function<std::string()> metrics, Readiness& readiness)
      : metrics_(std::move(metrics)), readiness_(readiness) {}

  async::Task<http::Response> handle(http::Request request);

 private:
  async::Task<http::Response> ready();

  const std::function<std::string()> metrics_;
  Readiness& readiness_;
};

// But for the number of connections. Requests are heads alone.
http::ServerOptions server_options();

inline constexpr const char* ready_path = "/health/ready";

}  // namespace afterword::monitoring
