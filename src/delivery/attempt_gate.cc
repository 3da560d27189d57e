#include "delivery/attempt_gate.h"

namespace afterword::delivery {

Task<void> AttemptGate::close() {
  closed_ = true;
  while (passing_ > 0 && !context_.stopping) co_await changed_.wait();
}

void AttemptGate::open() {
  closed_ = false;
  changed_.notify_all();
}

Task<void> AttemptGate::enter() {
  while (closed_ && !context_.stopping) co_await changed_.wait();
  ++passing_;
}

void AttemptGate::leave() {
  --passing_;
  changed_.notify_all();
}

}  // namespace afterword::delivery
