// unsigned.delay_id (docs/protocol.md section 6): tells the sender of a delayed event, in the homeserver's answers,
// which delay_id the event came from. The rest of an answer stays byte for byte the same, and one that is not JSON
// stays as it is from there on where that shows. Pure: the store is asked in between.
//
// Which answers are worth a look: gateway/event_answers.h.
#pragma once

#include "base/json_scanner.h"
#include "base/utf8_check.h"
#include "domain/ids.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace afterword::gateway {

using DelayIds = std::unordered_map<domain::EventId, domain::DelayId>;

// Where an answer is changed. In the answer, not in a piece of it, here and below.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Where the members of an event's `unsigned` belong: in the place of `place`, between `before` and `after`. A member
// that the homeserver has put there keeps its place and takes our value.
struct UnsignedMembers {
  Range place;
  std::string_view before;  // a literal, as is `after`
  std::string_view after;
  std::array<std::optional<Range>, 2> present_values;  // of org.matrix.msc4140.delay_id and delay_id

  std::size_t begin() const;
};

struct OwnEvent {
  domain::EventId event_id;
  UnsignedMembers members;
};

// Finds the events in an answer that `sender` sent, wherever they stand: every object with the string members event_id
// and sender. What users write is not looked into: `content` and `prev_content`. An event is left out if its `unsigned`
// is neither an object nor null nor absent. Of duplicate keys the last one counts. Takes linear time, and memory for
// what it finds and for what is open.
class OwnEventFinder {
 public:
  explicit OwnEventFinder(domain::UserId sender);
  ~OwnEventFinder();

  // Reads the next piece. False once the answer is not JSON.
  bool read(std::string_view piece, bool is_last);

  // Those that have ended since the last call.
  std::vector<OwnEvent> take_found() { return std::exchange(found_, {}); }

  // From where on the answer may still change, but for what was found: an object that is still open may turn out to be
  // an event.
  std::optional<std::size_t> held_from() const;

  // So that no more than that is held, what begins there is left as it is.
  void give_up_first_held();

 private:
  enum class Member : std::uint8_t;
  struct OpenObject;

  void take(const JsonToken& token);
  void take_value(const JsonToken& token);
  void take_member(OpenObject& object, const JsonToken& token);
  void skip(const JsonToken& token);
  void end_skipping(const JsonToken& last);
  void close_object(const JsonToken& brace);
  void hold_begun();
  void hold_from(std::size_t begin);
  // Of the present key or string; empty if it is longer than any that matters.
  std::string_view text() { return text_of_string(scanner_.quoted(), buffer_); }

  domain::UserId sender_;
  JsonScanner scanner_;
  std::vector<OpenObject> objects_;     // innermost last
  std::vector<std::size_t> holding_;    // which of them hold something, outermost first
  std::optional<std::size_t> skipped_;  // what is deeper is not looked at
  std::vector<OwnEvent> found_;
  std::string buffer_;  // of text()
};

// Shows delay_ids in an answer as it passes: take() a piece, ask the store about the events that it names, and let
// pass() the answer as far as it is settled. It holds what is not: an event, from its `unsigned` to its end, and no
// more than max_held_bytes of it. A larger one is left as it is.
class DelayIdSplicer {
 public:
  static constexpr std::size_t max_held_bytes = 1024 * 1024;

  explicit DelayIdSplicer(domain::UserId sender) : finder_(std::move(sender)) {}

  // `piece` must last until pass().
  void take(std::string_view piece, bool is_last);

  // Those whose delay_ids pass() needs: the reader's own that have ended in the piece.
  std::vector<domain::EventId> event_ids() const;

  // Valid until the next take().
  std::string_view pass(const DelayIds& delay_ids);

  // Whether it has changed anything so far.
  bool has_changed() const { return has_changed_; }

 private:
  // `range` of the answer becomes `text`.
  struct Edit {
    Range range;
    std::string text;
  };
  void add_edits(const UnsignedMembers& members, const domain::DelayId& delay_id);
  std::string_view pass_until(std::size_t settled);
  void apply_edits(std::string_view source, std::size_t settled);

  OwnEventFinder finder_;
  Utf8Check utf8_;
  bool is_lost_ = false;         // it is not JSON; all passes as it is
  std::string held_;             // what has come and not passed,
  std::string_view piece_;       // unless that is in here
  std::size_t passed_ = 0;       // of the answer
  std::size_t received_ = 0;     // of the answer
  std::vector<OwnEvent> found_;  // in the piece
  std::vector<Edit> edits_;      // that have not passed
  std::string output_;
  bool has_changed_ = false;
};

// Whether an answer that is there as a whole may name its reader: most of those to a long poll do not. One could do so
// with escapes.
bool may_name(std::string_view answer, const domain::UserId& user_id);

}  // namespace afterword::gateway
