// What the log says of commits: one line when they begin to fail and one when it is over, however many lie between.
// Thread: the committing one.
#pragma once

#include "base/log.h"

#include <string_view>
#include <utility>

namespace afterword::store {

class CommitLog {
 public:
  void note_committed() {
    if (std::exchange(failing_, false)) log::info("the database takes changes again");
  }
  void note_failed(std::string_view reason) {
    if (!std::exchange(failing_, true)) log::error("the database does not take changes: {}", reason);
  }

 private:
  bool failing_ = false;
};

}  // namespace afterword::store
