// Keeps claims and adoptions apart. While events of other instances become ours, the store tells no more that they go
// before ours (store::Behind), and they are not queued here yet; and whose attempt an event is must be plain when it is
// taken over.
//
// Thread: the server's only one. No errors.
#pragma once

#include "async/condition.h"
#include "delivery/context.h"

#include <cstddef>
#include <utility>

namespace afterword::delivery {

class ClaimGate {
 public:
  ClaimGate(async::Executor executor, Context& context) : context_(context), changed_(std::move(executor)) {}

  // No claim is under way from when close() goes on until open().
  Task<void> close();
  void open();
  bool is_closed() const { return closed_; }

  // Around each claim; enter() goes on when the gate is open.
  Task<void> enter();
  void leave();

 private:
  Context& context_;
  bool closed_ = false;
  std::size_t claims_ = 0;  // under way
  async::Condition changed_;
};

}  // namespace afterword::delivery
