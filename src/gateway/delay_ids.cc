#include "gateway/delay_ids.h"

#include "base/encoding.h"
#include "base/json_scanner.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace afterword::gateway {
namespace {

using Kind = JsonToken::Kind;

// In the order of UnsignedMembers::present_values.
constexpr std::array<std::string_view, 2> delay_id_keys{"org.matrix.msc4140.delay_id", "delay_id"};

// The members of an object that matter here.
enum class Member : std::uint8_t {
  other,
  event_id,
  sender,
  unsigned_data,
  written_by_users,
  unstable_delay_id,
  delay_id
};

Member member_named(std::string_view name) {
  if (name == "event_id") return Member::event_id;
  if (name == "sender") return Member::sender;
  if (name == "unsigned") return Member::unsigned_data;
  if (name == "content" || name == "prev_content") return Member::written_by_users;
  if (name == delay_id_keys[0]) return Member::unstable_delay_id;
  if (name == delay_id_keys[1]) return Member::delay_id;
  return Member::other;
}

// An object whose end has not been read yet: it may turn out to be an event, or the `unsigned` of one.
struct OpenObject {
  explicit OpenObject(std::size_t offset_inside)
      : inside{offset_inside, offset_inside}, members(UnsignedMembers{inside, R"("unsigned":{)", "},", {}}) {}

  Range inside;                   // empty, behind its brace
  Member member = Member::other;  // whose value is being read
  bool is_empty = true;

  std::string_view event_id;  // in quotes; empty: not a string
  bool is_from_sender = false;
  std::optional<UnsignedMembers> members;  // nothing: its `unsigned` can take none

  std::array<std::optional<Range>, 2> delay_id_values;
};

class Finder {
 public:
  Finder(std::string_view body, std::string_view sender) : body_(body), sender_(sender), scanner_(body) {}

  std::vector<OwnEvent> find() {
    for (;;) {
      const JsonToken token = scanner_.next();
      switch (token.kind) {
        case Kind::end:
          return std::move(found_);
        case Kind::invalid:
          return {};
        case Kind::key:
          objects_.back().is_empty = false;
          objects_.back().member = member_named(text_of(token));
          break;
        case Kind::end_object:
          close_object();
          break;
        case Kind::end_array:
          break;
        default:
          take_value(token);
      }
    }
  }

 private:
  void take_value(const JsonToken& token) {
    if (!objects_.empty()) {
      if (take_member(objects_.back(), token)) return;
      // So that an object in an array is not taken for the member's value.
      if (token.kind != Kind::begin_object) objects_.back().member = Member::other;
    }
    if (token.kind == Kind::begin_object) objects_.emplace_back(token.end);
  }

  // True if the value has been read to its end.
  bool take_member(OpenObject& object, const JsonToken& token) {
    switch (object.member) {
      case Member::other:
        return false;
      case Member::event_id:
        object.event_id = token.kind == Kind::string ? quoted(token) : std::string_view();
        return false;
      case Member::sender:
        object.is_from_sender = token.kind == Kind::string && text_of(token) == sender_;
        return false;
      case Member::unsigned_data:
        object.members.reset();  // of an object: known at its end
        if (token.kind == Kind::null) object.members = UnsignedMembers{{token.begin, token.end}, "{", "}", {}};
        return false;
      case Member::written_by_users:
        scanner_.skip_value(token);
        return true;
      case Member::unstable_delay_id:
        object.delay_id_values[0] = {token.begin, scanner_.skip_value(token)};
        return true;
      case Member::delay_id:
        object.delay_id_values[1] = {token.begin, scanner_.skip_value(token)};
        return true;
    }
    return false;
  }

  void close_object() {
    const OpenObject object = objects_.back();
    objects_.pop_back();
    if (object.is_from_sender && !object.event_id.empty() && object.members) {
      domain::EventId event_id{std::string(text_of_string(object.event_id, buffer_))};
      found_.push_back({std::move(event_id), *object.members});
    }
    if (!objects_.empty() && objects_.back().member == Member::unsigned_data) {
      const std::string_view after = object.is_empty ? "" : ",";
      objects_.back().members = UnsignedMembers{object.inside, "", after, object.delay_id_values};
    }
  }

  std::string_view quoted(const JsonToken& token) const { return body_.substr(token.begin, token.end - token.begin); }
  std::string_view text_of(const JsonToken& token) { return text_of_string(quoted(token), buffer_); }

  std::string_view body_;
  std::string_view sender_;
  JsonScanner scanner_;
  std::vector<OpenObject> objects_;  // innermost last
  std::vector<OwnEvent> found_;
  std::string buffer_;  // of text_of_string
};

// `range` of the body becomes `text`.
struct Edit {
  Range range;
  std::string text;
};

void add_edits(std::vector<Edit>& edits, const UnsignedMembers& members, const domain::DelayId& delay_id) {
  const std::string value = '"' + delay_id.to_string() + '"';
  std::string added;
  for (std::size_t i = 0; i < delay_id_keys.size(); ++i) {
    if (members.present_values[i]) {
      edits.push_back({*members.present_values[i], value});
    } else {
      if (!added.empty()) added += ',';
      added.append(1, '"').append(delay_id_keys[i]).append("\":").append(value);
    }
  }
  if (added.empty()) return;
  edits.push_back({members.place, std::string(members.before).append(added).append(members.after)});
}

}  // namespace

std::vector<OwnEvent> find_own_events(std::string_view body, const domain::UserId& sender) {
  // Most answers to a long poll end here. A text without the user_id could only spell it with escapes.
  const bool may_name_sender = body.find(sender.value) != body.npos || body.find('\\') != body.npos;
  if (!may_name_sender) return {};

  std::vector<OwnEvent> found = Finder(body, sender.value).find();
  if (!found.empty() && !is_valid_utf8(body)) found.clear();
  return found;
}

std::string show_delay_ids(std::string body, const std::vector<OwnEvent>& events, const DelayIds& delay_ids) {
  std::vector<Edit> edits;
  for (const OwnEvent& event : events) {
    const auto delay_id = delay_ids.find(event.event_id);
    if (delay_id != delay_ids.end()) add_edits(edits, event.members, delay_id->second);
  }
  if (edits.empty()) return body;

  // They do not overlap, but an event may stand within the `unsigned` of another.
  std::ranges::sort(edits, {}, [](const Edit& edit) { return edit.range.begin; });
  std::string result;
  std::size_t size = body.size();
  for (const Edit& edit : edits) size += edit.text.size();
  result.reserve(size);
  std::size_t copied = 0;
  for (const Edit& edit : edits) {
    result.append(body, copied, edit.range.begin - copied).append(edit.text);
    copied = edit.range.end;
  }
  return result.append(body, copied);
}

}  // namespace afterword::gateway
