// gateway/delay_ids: what comes out parses to the same as what went in, but for the added delay_ids. The other way to
// add them is the plain one here, on a parsed value.
//
// The input: the sender, a line of event_ids that are known, and the answer's body.
#include "gateway/delay_ids.h"

#include "base/encoding.h"
#include "base/json.h"
#include "require.h"
#include "targets.h"

#include <boost/json/parse.hpp>

namespace afterword::fuzz {
namespace {

constexpr std::string_view unstable_key = "org.matrix.msc4140.delay_id";
constexpr std::string_view stable_key = "delay_id";

// As deep as the inputs get.
std::optional<json::value> parse_deep(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 100'000;
  boost::json::error_code error;
  json::value value = boost::json::parse(text, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

class PlainWay {
 public:
  PlainWay(std::string_view sender, const gateway::DelayIds& delay_ids) : sender_(sender), delay_ids_(delay_ids) {}

  void show(json::value& value) const {
    if (auto* const array = value.if_array()) {
      for (json::value& element : *array) show(element);
    } else if (auto* const object = value.if_object()) {
      for (auto& member : *object) {
        const std::string_view key = member.key();
        const bool is_looked_into =
            key != "content" && key != "prev_content" && key != unstable_key && key != stable_key;
        if (is_looked_into) show(member.value());
      }
      show_own(*object);
    }
  }

 private:
  void show_own(json::object& object) const {
    const auto event_id = string_member(object, "event_id");
    if (!event_id || string_member(object, "sender") != sender_) return;
    const auto delay_id = delay_ids_.find(domain::EventId(*event_id));
    if (delay_id == delay_ids_.end()) return;
    json::value* const found = object.if_contains("unsigned");
    if (found != nullptr && !found->is_null() && !found->is_object()) return;
    json::value& members = object["unsigned"];
    if (members.is_null()) members.emplace_object();
    members.as_object()[unstable_key] = delay_id->second.to_string();
    members.as_object()[stable_key] = delay_id->second.to_string();
  }

  std::string_view sender_;
  const gateway::DelayIds& delay_ids_;
};

// `piece_bytes`: as many at a time. 0: all of it at once.
std::string shown_in_pieces(const std::string& body, const domain::UserId& sender, const gateway::DelayIds& delay_ids,
                            std::size_t piece_bytes) {
  gateway::DelayIdSplicer splicer(sender);
  std::string shown;
  std::size_t begin = 0;
  do {
    const std::string piece = body.substr(begin, piece_bytes == 0 ? body.npos : piece_bytes);
    begin += piece.size();
    splicer.take(piece, begin == body.size());
    shown += splicer.pass(delay_ids);
  } while (begin < body.size());
  return shown;
}

}  // namespace

void delay_ids(std::string_view input) {
  const domain::UserId sender{std::string(take_line(input))};
  std::string_view known = take_line(input);
  gateway::DelayIds delay_ids;
  while (!known.empty()) {
    const std::size_t end = std::min(known.find(' '), known.size());
    domain::DelayId::Bytes bytes{};
    bytes[0] = static_cast<std::uint8_t>(delay_ids.size());
    delay_ids.emplace(domain::EventId(std::string(known.substr(0, end))), domain::DelayId(bytes));
    known.remove_prefix(std::min(end + 1, known.size()));
  }

  const std::string body(input);
  const auto show = [&](const std::string& text) { return shown_in_pieces(text, sender, delay_ids, 0); };
  const std::string shown = show(body);
  const std::size_t piece_bytes = 1 + body.size() % 13;
  require(shown_in_pieces(body, sender, {}, piece_bytes) == body, "without delay_ids nothing changes");
  const auto parsed = parse_deep(body);
  if (!parsed) {
    // Half a surrogate pair is all that the one reader minds and the other one does not.
    require(shown == body || (is_valid_utf8(body) && body.find("\\u") != body.npos) ||
                body.find_first_of("eE") != body.npos,
            "what is not JSON stays as it is");
    return;
  }
  json::value expected = *parsed;
  PlainWay(sender.value, delay_ids).show(expected);
  const auto result = parse_deep(shown);
  require(result.has_value(), "JSON stays JSON");
  // Boost.JSON makes 0e4000 "not a number", which is equal to nothing, a copy of itself included.
  const bool is_comparable = expected == json::value(expected);
  require(!is_comparable || *result == expected, "nothing changes but the delay_ids of own events");

  require(shown_in_pieces(body, sender, delay_ids, piece_bytes) == shown, "it does not matter where it is cut");
  require(show(shown) == shown, "a second time changes nothing");
}

}  // namespace afterword::fuzz
