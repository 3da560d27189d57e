#include "sim/stepping_store.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace afterword::sim {

using namespace std::chrono_literals;

Task<void> SteppingStore::pass(std::string_view verb, std::string_view moment) {
  const Step step{verb, moment};
  steps_.pass(node_, step);
  co_await asio::post(node_.executor(), asio::use_awaitable);
  if (faults_.network) {
    const auto time = random_.time(100us, 3ms);
    co_await node_.clock().sleep_until(node_.clock().steady_now() + time);
  }
}

}  // namespace afterword::sim
