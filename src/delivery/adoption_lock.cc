#include "delivery/adoption_lock.h"

namespace afterword::delivery {

Task<AdoptionLock::Held> AdoptionLock::exclusive() {
  exclusive_ = true;
  Held held(this, GiveBack{true});
  while (sharing_ > 0 && !context_.is_stopping()) co_await changed_.wait();
  co_return held;
}

Task<AdoptionLock::Held> AdoptionLock::shared() {
  while (exclusive_ && !context_.is_stopping()) co_await changed_.wait();
  ++sharing_;
  co_return Held(this);
}

void AdoptionLock::give_back(bool exclusive) {
  if (exclusive) {
    exclusive_ = false;
    changed_.notify_all();
  } else if (--sharing_ == 0 && exclusive_) {
    changed_.notify_all();
  }
}

}  // namespace afterword::delivery
