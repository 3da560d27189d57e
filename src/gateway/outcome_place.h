// Finds the place in the homeserver's answer where the outcomes of delayed events belong (docs/protocol.md section 12),
// while it passes in pieces, and the token that it carries. Nothing is held back for it. Pure.
#pragma once

#include "base/json_scanner.h"
#include "gateway/outcome_question.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace afterword::gateway {

class OutcomePlace {
 public:
  explicit OutcomePlace(SyncForm form) : form_(form) {}

  // Reads the next piece. Where in it the outcomes belong, in the one piece that has the place.
  std::optional<std::size_t> read(std::string_view piece, bool is_last);

  // Whether all of it was read, and is JSON.
  bool has_ended() const { return has_ended_; }

  // Of the next question; empty where it has not been read yet.
  const std::string& token() const { return token_; }

  // What is to stand there. `events`: JSON objects with commas between.
  std::string text_with(std::string_view events) const;

 private:
  void take(const JsonToken& token);
  void take_member(const JsonToken& token);

  const SyncForm form_;
  JsonScanner scanner_;
  std::size_t read_bytes_ = 0;
  bool is_lost_ = false;  // it is not what we know
  bool has_ended_ = false;
  std::string key_;             // of the answer's own member that is being read
  bool in_extensions_ = false;  // of simplified sliding sync
  bool is_empty_ = true;        // so far, the object that the outcomes may go into
  bool has_extensions_ = false;
  std::optional<std::size_t> place_;  // in the answer
  std::string token_;
  std::string buffer_;
};

}  // namespace afterword::gateway
