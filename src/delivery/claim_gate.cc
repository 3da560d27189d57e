#include "delivery/claim_gate.h"

namespace afterword::delivery {

Task<void> ClaimGate::close() {
  closed_ = true;
  while (claims_ > 0 && !context_.stopping) co_await changed_.wait();
}

void ClaimGate::open() {
  closed_ = false;
  changed_.notify_all();
}

Task<void> ClaimGate::enter() {
  while (closed_ && !context_.stopping) co_await changed_.wait();
  ++claims_;
}

void ClaimGate::leave() {
  --claims_;
  changed_.notify_all();
}

}  // namespace afterword::delivery
