// The homeserver's absence. It takes nothing from anybody, so all rooms pause together; between growing pauses one
// event at a time finds out whether it is back.
//
// Thread: the server's only one. No errors.
#pragma once

#include "delivery/context.h"

#include <functional>
#include <string>
#include <utility>

namespace afterword::delivery {

class Outage {
 public:
  // `resume` is called at the end of each pause.
  Outage(Context& context, std::function<void()> resume) : context_(context), resume_(std::move(resume)) {}

  // It took nothing: another pause, of at least this time.
  void begin(const std::string& reason, Milliseconds at_least = Milliseconds(0));
  // It gave a clear answer.
  void end();
  // It gave none.
  void note_unclear() { ++unclear_in_a_row_; }
  bool is_suspected() const;

  bool is_away() const { return failures_ > 0; }
  bool is_pausing() const { return pausing_; }

 private:
  Task<void> resume_after(std::chrono::milliseconds time);

  Context& context_;
  std::function<void()> resume_;
  unsigned unclear_in_a_row_ = 0;
  unsigned failures_ = 0;  // in a row; 0: the homeserver is there
  bool pausing_ = false;
};

}  // namespace afterword::delivery
