// Gives back what was taken, however its scope ends: also by an exception, or when its task is destroyed while it
// waits.
#pragma once

#include <utility>

namespace afterword::delivery {

template <class Function>
class [[nodiscard]] GiveBack {
 public:
  explicit GiveBack(Function give_back) : give_back_(std::move(give_back)) {}
  ~GiveBack() { give_back_(); }
  GiveBack(const GiveBack&) = delete;
  GiveBack& operator=(const GiveBack&) = delete;

 private:
  Function give_back_;
};

}  // namespace afterword::delivery
