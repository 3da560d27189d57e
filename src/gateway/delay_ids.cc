#include "gateway/delay_ids.h"

#include <algorithm>
#include <utility>

namespace afterword::gateway {
namespace {

using Kind = JsonToken::Kind;

// In the order of UnsignedMembers::present_values.
constexpr std::array<std::string_view, 2> delay_id_keys{"org.matrix.msc4140.delay_id", "delay_id"};

}  // namespace

// The members of an object that matter here.
enum class OwnEventFinder::Member : std::uint8_t {
  other,
  event_id,
  sender,
  unsigned_data,
  written_by_users,
  unstable_delay_id,
  delay_id
};

// An object whose end has not been read yet: it may turn out to be an event, or the `unsigned` of one.
struct OwnEventFinder::OpenObject {
  static Member member_named(std::string_view name) {
    if (name == "event_id") return Member::event_id;
    if (name == "sender") return Member::sender;
    if (name == "unsigned") return Member::unsigned_data;
    if (name == "content" || name == "prev_content") return Member::written_by_users;
    if (name == delay_id_keys[0]) return Member::unstable_delay_id;
    if (name == delay_id_keys[1]) return Member::delay_id;
    return Member::other;
  }
  std::optional<Range>& value_of(Member delay_id) {
    return delay_id_values[delay_id == Member::unstable_delay_id ? 0 : 1];
  }

  explicit OpenObject(bool is_unsigned_of_parent) : is_unsigned(is_unsigned_of_parent) {}

  const bool is_unsigned;         // of the object that it stands in
  Member member = Member::other;  // whose value is being read
  bool is_empty = true;
  bool is_given_up = false;
  bool is_from_sender = false;
  bool has_unsigned = false;
  std::string event_id{};                    // empty: not a string
  std::optional<UnsignedMembers> members{};  // of an `unsigned` that can take some
  std::array<std::optional<Range>, 2> delay_id_values{};
  std::optional<std::size_t> held_from{};
};

std::size_t UnsignedMembers::begin() const {
  std::size_t begin = place.begin;
  for (const std::optional<Range>& value : present_values) begin = value ? std::min(begin, value->begin) : begin;
  return begin;
}

OwnEventFinder::OwnEventFinder(domain::UserId sender) : sender_(std::move(sender)) {}
OwnEventFinder::~OwnEventFinder() = default;

bool OwnEventFinder::read(std::string_view piece, bool is_last) {
  scanner_.read(piece);
  if (is_last) scanner_.finish();
  for (;;) {
    const JsonToken token = scanner_.next();
    if (token.kind == Kind::more) hold_begun();
    if (token.kind == Kind::more || token.kind == Kind::end) return true;
    if (token.kind == Kind::invalid) return false;
    if (skipped_) {
      if (scanner_.depth() == *skipped_) end_skipping(token);
    } else {
      take(token);
    }
  }
}

void OwnEventFinder::take(const JsonToken& token) {
  switch (token.kind) {
    case Kind::key:
      objects_.back().is_empty = false;
      objects_.back().member = OpenObject::member_named(text());
      break;
    case Kind::end_object:
      close_object(token);
      break;
    case Kind::end_array:
      break;
    default:
      take_value(token);
  }
}

void OwnEventFinder::take_value(const JsonToken& token) {
  const bool is_unsigned = !objects_.empty() && objects_.back().member == Member::unsigned_data;
  if (!objects_.empty()) {
    OpenObject& object = objects_.back();
    take_member(object, token);
    if (skipped_) return;
    object.member = Member::other;  // nor is what stands in an array the member's value
  }
  if (token.kind == Kind::begin_object) objects_.emplace_back(is_unsigned);
}

void OwnEventFinder::take_member(OpenObject& object, const JsonToken& token) {
  switch (object.member) {
    case Member::other:
      break;
    case Member::event_id:
      object.event_id = token.kind == Kind::string ? text() : std::string_view();
      break;
    case Member::sender:
      object.is_from_sender = token.kind == Kind::string && text() == sender_.value;
      break;
    case Member::unsigned_data:
      object.has_unsigned = true;
      object.members.reset();  // of an object: known at its end
      if (token.kind == Kind::null) {
        object.members = UnsignedMembers{{token.begin, token.end}, "{", "}", {}};
        hold_from(token.begin);
      }
      break;
    case Member::written_by_users:
      skip(token);
      break;
    case Member::unstable_delay_id:
    case Member::delay_id:
      object.value_of(object.member) = Range{token.begin, token.end};  // of a container, so far
      if (object.is_unsigned) hold_from(token.begin);
      skip(token);
      break;
  }
}

void OwnEventFinder::skip(const JsonToken& token) {
  if (token.kind == Kind::begin_object || token.kind == Kind::begin_array) skipped_ = scanner_.depth() - 1;
}

void OwnEventFinder::end_skipping(const JsonToken& last) {
  skipped_.reset();
  OpenObject& object = objects_.back();
  if (object.member != Member::written_by_users) object.value_of(object.member)->end = last.end;
}

void OwnEventFinder::close_object(const JsonToken& brace) {
  const OpenObject object = std::move(objects_.back());
  objects_.pop_back();
  if (!holding_.empty() && holding_.back() == objects_.size()) holding_.pop_back();

  const Range end{brace.begin, brace.begin};
  const bool can_take = !object.is_given_up && (!object.has_unsigned || object.members);
  if (object.is_from_sender && !object.event_id.empty() && can_take) {
    const UnsignedMembers none{end, R"(,"unsigned":{)", "}", {}};
    found_.push_back({domain::EventId(object.event_id), object.members.value_or(none)});
  }
  if (object.is_unsigned && !object.is_given_up) {
    OpenObject& event = objects_.back();
    event.members = UnsignedMembers{end, object.is_empty ? "" : ",", "", object.delay_id_values};
    hold_from(event.members->begin());
  }
}

// A value that may have to be replaced, and is cut in two.
void OwnEventFinder::hold_begun() {
  if (skipped_ || objects_.empty() || !scanner_.begun()) return;
  const OpenObject& object = objects_.back();
  const bool is_of_unsigned = object.member == Member::unstable_delay_id || object.member == Member::delay_id;
  if (object.member == Member::unsigned_data || (object.is_unsigned && is_of_unsigned)) hold_from(*scanner_.begun());
}

// In the innermost object.
void OwnEventFinder::hold_from(std::size_t begin) {
  OpenObject& object = objects_.back();
  if (object.is_given_up) return;
  if (!object.held_from) holding_.push_back(objects_.size() - 1);
  object.held_from = object.is_unsigned && object.held_from ? std::min(*object.held_from, begin) : begin;
}

std::optional<std::size_t> OwnEventFinder::held_from() const {
  return holding_.empty() ? std::nullopt : objects_[holding_.front()].held_from;
}

void OwnEventFinder::give_up_first_held() {
  OpenObject& object = objects_[holding_.front()];
  object.is_given_up = true;
  object.held_from.reset();
  holding_.erase(holding_.begin());
}

void DelayIdSplicer::take(std::string_view piece, bool is_last) {
  received_ += piece.size();
  if (held_.empty()) {
    piece_ = piece;
  } else {
    held_ += piece;
  }
  if (is_lost_) return;
  const bool is_text = utf8_.take(piece) && (!is_last || utf8_.is_whole());
  if (!is_text || !finder_.read(piece, is_last)) {
    is_lost_ = true;
    edits_.clear();
    return;
  }
  found_ = finder_.take_found();
}

std::vector<domain::EventId> DelayIdSplicer::event_ids() const {
  std::vector<domain::EventId> ids;
  ids.reserve(found_.size());
  for (const OwnEvent& event : found_) ids.push_back(event.event_id);
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

std::string_view DelayIdSplicer::pass(const DelayIds& delay_ids) {
  for (const OwnEvent& event : std::exchange(found_, {})) {
    const auto delay_id = delay_ids.find(event.event_id);
    if (delay_id != delay_ids.end()) add_edits(event.members, delay_id->second);
  }
  while (!is_lost_ && finder_.held_from() && received_ - *finder_.held_from() > max_held_bytes) {
    finder_.give_up_first_held();
  }
  return pass_until(is_lost_ ? received_ : finder_.held_from().value_or(received_));
}

std::string_view DelayIdSplicer::pass_until(std::size_t settled) {
  const std::size_t size = settled - passed_;
  const std::string_view source = held_.empty() ? piece_ : std::string_view(held_);
  std::string_view passing = source.substr(0, size);
  // An event may stand within the `unsigned` of another, so they are found in another order.
  std::ranges::sort(edits_, {}, [](const Edit& edit) { return edit.range.begin; });
  if (!edits_.empty() && edits_.front().range.begin < settled) {
    apply_edits(source, settled);
    passing = output_;
  } else if (!held_.empty()) {
    output_ = passing;
    passing = output_;
  }
  passed_ = settled;
  if (held_.empty()) {
    held_ = source.substr(size);
  } else {
    held_.erase(0, size);
  }
  piece_ = {};
  return passing;
}

void DelayIdSplicer::apply_edits(std::string_view source, std::size_t settled) {
  output_.clear();
  std::size_t copied = passed_;
  std::size_t applied = 0;
  for (; applied < edits_.size() && edits_[applied].range.begin < settled; ++applied) {
    const Edit& edit = edits_[applied];
    output_.append(source, copied - passed_, edit.range.begin - copied).append(edit.text);
    copied = edit.range.end;
  }
  output_.append(source, copied - passed_, settled - copied);
  edits_.erase(edits_.begin(), edits_.begin() + static_cast<std::ptrdiff_t>(applied));
  has_changed_ = true;
}

void DelayIdSplicer::add_edits(const UnsignedMembers& members, const domain::DelayId& delay_id) {
  const std::string value = '"' + delay_id.to_string() + '"';
  std::string added;
  for (std::size_t i = 0; i < delay_id_keys.size(); ++i) {
    if (members.present_values[i]) {
      edits_.push_back({*members.present_values[i], value});
    } else {
      if (!added.empty()) added += ',';
      added.append(1, '"').append(delay_id_keys[i]).append("\":").append(value);
    }
  }
  if (added.empty()) return;
  edits_.push_back({members.place, std::string(members.before).append(added).append(members.after)});
}

bool may_name(std::string_view answer, const domain::UserId& user_id) {
  return answer.find(user_id.value) != answer.npos || answer.find('\\') != answer.npos;
}

}  // namespace afterword::gateway
