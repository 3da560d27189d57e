// Looks up the addresses of a host without keeping anybody waiting for a name server that does not answer.
//
// The system's look-up blocks for as long as it likes and cannot be cancelled. It has a thread of its own, which nobody
// waits for: at the end of the process it may be left behind. There is one at a time, and whoever asks meanwhile shares
// its answer.
//
// Lifecycle: find() until abandon(), after which there is no answer any more. Thread: its executor's only thread.
#pragma once

#include "async/clock.h"
#include "async/condition.h"
#include "async/task.h"
#include "base/result.h"

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace afterword::http {

class NameLookup {
 public:
  using Addresses = std::vector<async::asio::ip::address>;
  using Found = Result<Addresses, std::string>;                  // the error is for the log
  using LookUp = std::function<Found(const std::string& host)>;  // blocks, on any thread

  static Found ask_system(const std::string& host);

  NameLookup(async::Executor executor, std::string host, LookUp look_up = ask_system);
  ~NameLookup() { abandon(); }
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  async::Task<Found> find(std::chrono::milliseconds limit);

  // Ends what is under way with an error.
  void abandon();

 private:
  struct Question;
  struct Bridge;

  void ask();

  async::Executor executor_;
  async::SystemClock clock_;
  std::string host_;
  LookUp look_up_;
  std::shared_ptr<Question> question_;  // the last one
  std::shared_ptr<Bridge> bridge_;      // to its thread
  bool abandoned_ = false;
};

}  // namespace afterword::http
