#include "delivery/attempt_gate.h"

namespace afterword::delivery {

Task<AttemptGate::Closing> AttemptGate::close() {
  closed_ = true;
  Closing closing(*this);
  while (passing_ > 0 && !context_.stopping) co_await changed_.wait();
  co_return std::move(closing);
}

void AttemptGate::open() {
  closed_ = false;
  changed_.notify_all();
}

Task<AttemptGate::Passing> AttemptGate::enter() {
  while (closed_ && !context_.stopping) co_await changed_.wait();
  co_return Passing(*this);
}

void AttemptGate::leave() {
  --passing_;
  changed_.notify_all();
}

}  // namespace afterword::delivery
