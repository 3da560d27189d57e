#include "gateway/delay_ids.h"

#include "base/json.h"
#include "base/testing/json_suite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::gateway {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

const domain::UserId alice("@alice:example.org");
const domain::DelayId delay_id = *domain::DelayId::parse("AAAAAAAAAAAAAAAAAAAAAA");
const DelayIds delay_ids{{domain::EventId("$sent"), delay_id}, {domain::EventId("$left"), delay_id}};

const std::string members =
    R"("org.matrix.msc4140.delay_id":"AAAAAAAAAAAAAAAAAAAAAA","delay_id":"AAAAAAAAAAAAAAAAAAAAAA")";

std::vector<OwnEvent> find_own_events(const std::string& body, const domain::UserId& sender) {
  OwnEventFinder finder(sender);
  return finder.read(body, true) ? finder.take_found() : std::vector<OwnEvent>();
}

// `cuts`: where the pieces of the body end, ascending.
std::string shown_in_pieces(const std::string& body, const std::vector<std::size_t>& cuts) {
  DelayIdSplicer splicer(alice);
  std::string shown;
  std::size_t begin = 0;
  for (std::size_t next = 0; next <= cuts.size(); ++next) {
    const std::size_t end = next == cuts.size() ? body.size() : cuts[next];
    const std::string piece = body.substr(begin, end - begin);  // so that nobody looks at one that has gone
    splicer.take(piece, next == cuts.size());
    shown += splicer.pass(delay_ids);
    begin = end;
  }
  EXPECT_TRUE(shown == body || splicer.has_changed()) << body;
  return shown;
}

std::string shown(const std::string& body) { return shown_in_pieces(body, {}); }

// In the tables below, what stands between ‹ and › is what is to be added.
std::string without_additions(std::string text) {
  for (std::size_t begin; (begin = text.find("‹")) != text.npos;) {
    const std::size_t end = text.find("›");
    text.erase(begin, end + std::string_view("›").size() - begin);
  }
  return text;
}

std::string with_additions(std::string text) {
  for (const std::string_view mark : {"‹", "›"}) {
    for (std::size_t at; (at = text.find(mark)) != text.npos;) text.erase(at, mark.size());
  }
  for (std::size_t at; (at = text.find("MEMBERS")) != text.npos;) text.replace(at, 7, members);
  return text;
}

void expect_shown(const std::string& marked) { EXPECT_EQ(shown(without_additions(marked)), with_additions(marked)); }

void expect_untouched(const std::string& body) { EXPECT_EQ(shown(body), body); }

TEST(DelayIds, AreShownInASync) {
  expect_shown(R"({
    "next_batch": "s72595_4483_1934",
    "account_data": {"events": [{"type": "m.direct", "content": {"@alice:example.org": ["!room:example.org"]}}]},
    "presence": {"events": [{"type": "m.presence", "sender": "@alice:example.org", "content": {"presence": "online"}}]},
    "to_device": {"events": [{"type": "m.room_key_request", "sender": "@alice:example.org", "content": {}}]},
    "rooms": {
      "join": {"!room:example.org": {
        "summary": {"m.joined_member_count": 2},
        "state": {"events": [
          {"type": "m.call.member", "event_id": "$left", "sender": "@alice:example.org", "state_key": "_alice", "content": {}‹,"unsigned":{MEMBERS}›}
        ]},
        "timeline": {"limited": true, "prev_batch": "t34-23", "events": [
          {"content": {"body": "one"}, "event_id": "$other", "sender": "@alice:example.org", "unsigned": {"age": 1}},
          {"content": {"body": "two"}, "event_id": "$sent", "sender": "@alice:example.org", "unsigned": {"age": 1234, "transaction_id": "m1"‹,MEMBERS›}},
          {"content": {"body": "three"}, "event_id": "$sent", "sender": "@bob:example.org", "unsigned": {"age": 1}}
        ]},
        "ephemeral": {"events": [{"type": "m.receipt", "content": {"$sent": {"m.read": {"@alice:example.org": {"ts": 1}}}}}]}
      }},
      "leave": {"!old:example.org": {"timeline": {"events": [{"unsigned": {‹MEMBERS›}, "sender": "@alice:example.org", "event_id": "$sent"}]}}},
      "invite": {"!new:example.org": {"invite_state": {"events": [{"type": "m.room.name", "sender": "@alice:example.org", "content": {}}]}}}
    },
    "device_one_time_keys_count": {"signed_curve25519": 50}
  })");
}

TEST(DelayIds, AreShownInASlidingSync) {
  expect_shown(
      R"({"pos":"5","lists":{"all":{"count":1}},"rooms":{"!room:example.org":{"name":"Room","required_state":[)"
      R"({"type":"m.room.create","event_id":"$create","sender":"@alice:example.org","unsigned":{"age":5}},)"
      R"({"type":"m.call.member","event_id":"$left","sender":"@alice:example.org"‹,"unsigned":{MEMBERS}›}],)"
      R"("timeline":[{"event_id":"$sent","sender":"@alice:example.org","unsigned":{"age":7‹,MEMBERS›}}]}},)"
      R"("extensions":{"receipts":{"rooms":{}}}})");
}

TEST(DelayIds, AreShownInPagesAndSingleEvents) {
  // /messages
  expect_shown(
      R"({"chunk":[{"event_id":"$sent","sender":"@alice:example.org"‹,"unsigned":{MEMBERS}›}],"start":"a","end":"b"})");
  // /event
  expect_shown(
      "\n"
      R"( { "event_id" : "$sent" , "sender" : "@alice:example.org" , "unsigned" : { ‹MEMBERS›} } )"
      "\n");
  // /context
  expect_shown(
      R"({"events_before":[],"event":{"event_id":"$sent","sender":"@alice:example.org","unsigned":{"age":1‹,MEMBERS›}},)"
      R"("events_after":[],"state":[{"event_id":"$left","sender":"@alice:example.org"‹,"unsigned":{MEMBERS}›}]})");
  // /state, an array at the top
  expect_shown(
      R"([{"event_id":"$sent","sender":"@alice:example.org"‹,"unsigned":{MEMBERS}›},{"event_id":"$x","sender":"@alice:example.org"}])");
  // /search
  expect_shown(
      R"({"search_categories":{"room_events":{"count":1,"results":[{"rank":0.5,"result":)"
      R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{‹MEMBERS›}},"context":{"events_before":)"
      R"([{"event_id":"$left","sender":"@alice:example.org"‹,"unsigned":{MEMBERS}›}]}}]}}})");
  // /notifications
  expect_shown(
      R"({"notifications":[{"actions":["notify"],"event":{"sender":"@alice:example.org","event_id":"$sent"‹,"unsigned":{MEMBERS}›}}]})");
}

TEST(DelayIds, AreShownInEventsWithinEvents) {
  // The latest event of a thread, within an event that is shown itself, and a redaction.
  expect_shown(
      R"({"chunk":[{"event_id":"$sent","sender":"@alice:example.org","unsigned":{"m.relations":{"m.thread":)"
      R"({"latest_event":{"event_id":"$left","sender":"@alice:example.org","unsigned":{"age":1‹,MEMBERS›}},"count":2}},"age":3‹,MEMBERS›}}]})");
  expect_shown(
      R"({"event_id":"$bobs","sender":"@bob:example.org","unsigned":{"redacted_because":)"
      R"({"event_id":"$sent","sender":"@alice:example.org","type":"m.room.redaction"‹,"unsigned":{MEMBERS}›}}})");
  expect_shown(
      R"({"event_id":"$sent","sender":"@alice:example.org","extra":)"
      R"([{"event_id":"$left","sender":"@alice:example.org","unsigned":{‹MEMBERS›}}]‹,"unsigned":{MEMBERS}›})");
}

TEST(DelayIds, AreNotShownInWhatUsersWrite) {
  const std::string event = R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{"age":1}})";
  expect_untouched(R"({"event_id":"$x","sender":"@bob:example.org","content":)" + event + "}");
  expect_untouched(R"({"event_id":"$x","sender":"@alice:example.org","content":{"deep":[[)" + event + R"(]]}})");
  expect_untouched(R"({"content":[)" + event + R"(],"event_id":"$x","sender":"@bob:example.org"})");
  expect_untouched(R"({"event_id":"$x","sender":"@bob:example.org","unsigned":{"prev_content":)" + event + "}}");
  expect_untouched(R"({"event_id":"$x","sender":"@bob:example.org","prev_content":)" + event + "}");
  expect_untouched(R"({"event_id":"$x","sender":"@bob:example.org","cont\u0065nt":)" + event + "}");
  // Nor does content make an event of what it stands in, or hide that it is one.
  expect_untouched(R"({"content":{"event_id":"$sent","sender":"@alice:example.org"},"sender":"@alice:example.org"})");
  expect_shown(R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{‹MEMBERS›},"content":)" + event + "}");
}

TEST(DelayIds, NeedAnEventOfThisSender) {
  for (const char* body :
       {R"({"event_id":"$sent","sender":"@alice:example.org.evil"})",
        R"({"event_id":"$sent","sender":"@ALICE:example.org"})",
        R"({"event_id":"$sent","sender":["@alice:example.org"]})",
        R"({"event_id":"$sent","sender":{"sender":"@alice:example.org"}})",
        R"({"event_id":["$sent"],"sender":"@alice:example.org"})", R"({"event_id":7,"sender":"@alice:example.org"})",
        R"({"sender":"@alice:example.org"})", R"({"event_id":"$sent"})",
        R"(["event_id","$sent","sender","@alice:example.org"])",
        R"({"event_id":"$sent","a":[{"sender":"@alice:example.org"}]})", R"("@alice:example.org")", R"({})", ""}) {
    EXPECT_TRUE(find_own_events(body, alice).empty()) << body;
  }
  // One that was sent at once.
  expect_untouched(R"({"event_id":"$other","sender":"@alice:example.org"})");
}

TEST(DelayIds, FindTheirPlaceInAnyUnsigned) {
  expect_shown(R"({"sender":"@alice:example.org","event_id":"$sent","unsigned":{)"
               " \n ‹MEMBERS›}}");
  expect_shown(R"({"sender":"@alice:example.org","unsigned":{ "age":1‹,MEMBERS›},"event_id":"$sent"})");
  EXPECT_EQ(shown(R"({"sender":"@alice:example.org","event_id":"$sent","unsigned": null})"),
            R"({"sender":"@alice:example.org","event_id":"$sent","unsigned": {)" + members + "}}");
  // What is no `unsigned` of an event is left alone.
  for (const char* value : {"7", "\"x\"", "[]", "[{}]", R"([{"age":1}])", "true"}) {
    expect_untouched(R"({"sender":"@alice:example.org","event_id":"$sent","unsigned":)" + std::string(value) + "}");
  }
}

TEST(DelayIds, TakeThePlaceOfTheHomeserversOwn) {
  const std::string event = R"({"sender":"@alice:example.org","event_id":"$sent","unsigned":)";
  const std::string both =
      R"({"age":1,"delay_id":"AAAAAAAAAAAAAAAAAAAAAA" , "org.matrix.msc4140.delay_id":"AAAAAAAAAAAAAAAAAAAAAA"}})";
  EXPECT_EQ(shown(event + both), event + both);
  EXPECT_EQ(
      shown(
          event +
          R"({"age":1,"delay_id":null , "org.matrix.msc4140.delay_id":{"sender":"@alice:example.org","event_id":"$sent"}}})"),
      event + both);
  EXPECT_EQ(
      shown(event + R"({"delay\u005fid":"old"}})"),
      event + R"({"delay\u005fid":"AAAAAAAAAAAAAAAAAAAAAA","org.matrix.msc4140.delay_id":"AAAAAAAAAAAAAAAAAAAAAA"}})");
  // An event of which we know nothing keeps what it has.
  expect_untouched(R"({"sender":"@alice:example.org","event_id":"$other","unsigned":{"delay_id":"old"}})");
}

TEST(DelayIds, SeeThroughEscapes) {
  expect_shown(R"({"event\u005fid":"\u0024sent","s\u0065nder":"\u0040alice:example.org"‹,"unsigned":{MEMBERS}›})");
  expect_shown(R"({"\u0075nsigned":{"age":1‹,MEMBERS›},"event_id":"$sent","sender":"@alice\u003Aexample.org"})");

  const domain::UserId odd_user("@a/\"b:example.org");
  const std::string body = R"({"event_id":"$a\/b","sender":"@a\/\"b:example.org"})";
  const std::vector<OwnEvent> found = find_own_events(body, odd_user);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event_id.value, "$a/b");
}

TEST(DelayIds, OfDuplicateKeysTheLastCounts) {
  expect_untouched(R"({"event_id":"$sent","event_id":"$x","sender":"@alice:example.org"})");
  expect_untouched(R"({"event_id":"$sent","event_id":null,"sender":"@alice:example.org"})");
  expect_untouched(R"({"event_id":"$sent","sender":"@alice:example.org","sender":"@bob:example.org"})");
  expect_untouched(R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{},"unsigned":7})");
  expect_shown(
      R"({"event_id":"$x","event_id":"$sent","sender":1,"sender":"@alice:example.org","unsigned":7,"unsigned":{},"unsigned":{"age":1‹,MEMBERS›}})");
}

TEST(DelayIds, LeaveWhatIsNotJsonAlone) {
  const std::string event = R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{"age":1}})";
  ASSERT_NE(shown(event), event);
  for (const std::string& body : {event + "}", event + event, event + ",", "[" + event, "[" + event + ",]", "x" + event,
                                  "[" + event + ",\"\xff\"]", "[" + event + ",01]", "[" + event + ",'']"}) {
    expect_untouched(body);
  }
  for (std::size_t size = 0; size < event.size(); ++size) expect_untouched(event.substr(0, size));
}

// Whatever stands in an answer: it says the same afterwards, and the delay_id beside it.
TEST(DelayIds, AreShownBesideAllThatIsJson) {
  const json::value ids{{"org.matrix.msc4140.delay_id", "AAAAAAAAAAAAAAAAAAAAAA"},
                        {"delay_id", "AAAAAAAAAAAAAAAAAAAAAA"}};
  const std::string event = R"("event_id":"$sent","sender":"@alice:example.org")";
  for (const auto& each : afterword::testing::json_to_take()) {
    const std::string content = R"({"content":)" + each.text + "," + event + "}";
    json::object expected = *parse_json_object(content);
    expected["unsigned"] = ids;
    EXPECT_EQ(parse_json(shown(content)), expected) << each.name;

    const std::string inside = R"({)" + event + R"(,"unsigned":{"x":)" + each.text + "}}";
    expected = *parse_json_object(inside);
    for (const auto& id : ids.get_object()) expected["unsigned"].get_object()[id.key()] = id.value();
    EXPECT_EQ(parse_json(shown(inside)), expected) << each.name;
  }
  for (const auto& each : afterword::testing::json_to_refuse()) {
    expect_untouched(R"({"content":)" + each.text + "," + event + "}");
  }
}

TEST(DelayIds, AreShownBesideDeepNesting) {
  const std::string deep = std::string(5'000, '[') + std::string(5'000, ']');
  expect_shown(R"([{"event_id":"$sent","sender":"@alice:example.org","content":{"a":)" + deep +
               R"(}‹,"unsigned":{MEMBERS}›}])");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  expect_untouched(R"({"event_id":"$sent","sender":"@alice:example.org","a":)" + objects);
}

// Random answers, and an independent rewriter of their parsed form.
class AnswerGenerator {
 public:
  explicit AnswerGenerator(unsigned seed) : random_(seed) {}

  std::string value(int depth) {
    switch (below(depth > 0 ? 10 : 6)) {
      case 0:
        return "null";
      case 1:
        return below(2) == 0 ? "-12.5e1" : "true";
      case 2:
        return string("@alice:example.org");
      case 3:
        return string("$sent");
      case 4:
        return string(below(2) == 0 ? "$other" : "@bob:example.org");
      case 5:
        return string("text \\ \" / é");
      case 6:
        return list('[', ']', [&] { return value(depth - 1); });
      case 7:
        return object(depth);
      default:
        return event(depth);
    }
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> cuts(below(6));
    for (std::size_t& cut : cuts) cut = below(size + 1);
    std::ranges::sort(cuts);
    return cuts;
  }

 private:
  static constexpr std::array<const char*, 11> keys{
      "event_id",         "sender", "unsigned", "content", "prev_content", "delay_id", "org.matrix.msc4140.delay_id",
      "redacted_because", "age",    "",         "a"};

  std::string object(int depth) {
    return list('{', '}', [&] { return member(keys[below(keys.size())], value(depth - 1)); });
  }

  std::string event(int depth) {
    std::vector<std::string> parts{member("event_id", string(below(4) == 0 ? "$other" : "$sent")),
                                   member("sender", string(below(4) == 0 ? "@bob:example.org" : "@alice:example.org"))};
    if (below(2) == 0) parts.push_back(member("unsigned", below(4) == 0 ? value(0) : object(depth - 1)));
    if (below(2) == 0) parts.push_back(member("content", value(depth - 1)));
    if (below(2) == 0) parts.push_back(member(keys[below(keys.size())], value(depth - 1)));
    std::shuffle(parts.begin(), parts.end(), random_);
    std::string text = "{" + space();
    for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : "," + space()) + parts[i];
    return text + "}" + space();
  }

  template <class Element>
  std::string list(char open, char close, Element element) {
    std::string text = open + space();
    const std::size_t size = below(4);
    for (std::size_t i = 0; i < size; ++i) text += (i == 0 ? "" : "," + space()) + element();
    return text + close + space();
  }

  std::string member(const char* key, const std::string& value) { return string(key) + ":" + space() + value; }

  std::string space() { return std::array<const char*, 5>{"", "", "", " ", "\n\t"}[below(5)]; }

  std::string string(std::string_view text) {
    const bool escapes = below(6) == 0;
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\' || (c == '/' && escapes)) {
        quoted.append(1, '\\').append(1, c);
      } else if (escapes && static_cast<unsigned char>(c) < 0x80 && below(3) == 0) {
        constexpr std::string_view digits = "0123456789aBcDeF";
        quoted.append("\\u00").append(1, digits[static_cast<std::size_t>(c) >> 4]).append(1, digits[c & 0xf]);
      } else {
        quoted += c;
      }
    }
    return quoted + "\"" + space();
  }

  std::mt19937 random_;
};

void add_delay_ids(json::value& value) {
  if (json::array* array = value.if_array()) {
    for (json::value& element : *array) add_delay_ids(element);
  }
  json::object* object = value.if_object();
  if (object == nullptr) return;
  for (auto& [key, member] : *object) {
    const bool looked_into =
        key != "content" && key != "prev_content" && key != "delay_id" && key != "org.matrix.msc4140.delay_id";
    if (looked_into) add_delay_ids(member);
  }
  if (string_member(*object, "event_id") != "$sent" || string_member(*object, "sender") != alice.value) return;
  json::value& data = (*object)["unsigned"];
  if (data.is_null()) data = json::object();
  if (!data.is_object()) return;
  data.as_object()["delay_id"] = delay_id.to_string();
  data.as_object()["org.matrix.msc4140.delay_id"] = delay_id.to_string();
}

// Whether taking out what is added to `body` gives it back: nothing is replaced, and no `unsigned` was there but empty.
bool can_be_undone(const std::string& body) {
  for (const char* text : {"delay_id", "null", "\\u", R"("unsigned":{})"}) {
    if (body.find(text) != body.npos) return false;
  }
  return true;
}

std::string without_members(std::string text) {
  for (const std::string& addition : {R"(,"unsigned":{)" + members + "}", "," + members, members}) {
    for (std::size_t at; (at = text.find(addition)) != text.npos;) text.erase(at, addition.size());
  }
  return text;
}

TEST(DelayIds, AreAllThatChanges) {
  AnswerGenerator generator(4140);
  std::size_t changed = 0;
  for (int round = 0; round < 30'000; ++round) {
    const std::string body = generator.value(6);
    std::optional<json::value> expected = parse_json(body);
    ASSERT_TRUE(expected) << body;
    add_delay_ids(*expected);
    const std::string result = shown(body);
    const std::optional<json::value> parsed = parse_json(result);
    ASSERT_TRUE(parsed) << body << "\n" << result;
    ASSERT_EQ(*parsed, *expected) << body << "\n" << result;
    ASSERT_EQ(shown(result), result) << "the second time nothing is left to do";
    ASSERT_EQ(shown_in_pieces(body, generator.cuts(body.size())), result) << body;
    if (can_be_undone(body)) {
      ASSERT_EQ(without_members(result), body);
    }
    changed += result != body ? 1 : 0;
  }
  EXPECT_GT(changed, 3'000U);
}

TEST(DelayIds, SurviveAnyBytes) {
  AnswerGenerator generator(4542);
  constexpr std::string_view bytes = "{}[]\",:\\u0x\xff\x00 1"sv;
  for (int round = 0; round < 20'000; ++round) {
    std::string body = generator.value(4);
    if (generator.below(2) == 0) body.resize(generator.below(body.size() + 1));
    for (std::size_t changes = generator.below(4); changes > 0 && !body.empty(); --changes) {
      body[generator.below(body.size())] = bytes[generator.below(bytes.size())];
    }
    // What comes before a fault is not held back.
    const std::string in_pieces = shown_in_pieces(body, generator.cuts(body.size()));
    if (can_be_undone(body)) {
      ASSERT_EQ(without_members(in_pieces), body);
    }
    const std::string result = shown(body);
    if (result == body) continue;
    ASSERT_TRUE(parse_json(body)) << body;
    ASSERT_TRUE(parse_json(result)) << body << "\n" << result;
    ASSERT_EQ(in_pieces, result);
  }
}

// --- An answer in pieces ---

TEST(DelayIdsInPieces, AreShownWhereverTheAnswerIsCut) {
  const std::string body =
      R"({"a":[{"event_id":"$sent","sender":"@alice:example.org"}, {"unsigned":{"delay_id":{"x":[]},"age":1},"sender":"\u0040alice:example.org",)"
      R"("event_id":"$left","content":{"é":"\\"}},{"unsigned": null ,"event_id":"$sent","sender":"@alice:example.org"}]})";
  const std::string expected = shown(body);
  ASSERT_NE(expected, body);
  for (std::size_t one = 0; one <= body.size(); ++one) {
    for (std::size_t two = one; two <= body.size(); ++two) ASSERT_EQ(shown_in_pieces(body, {one, two}), expected);
  }
}

TEST(DelayIdsInPieces, HoldNothingButAnEventFromItsUnsignedOn) {
  DelayIdSplicer splicer(alice);
  const auto pass = [&](std::string_view piece, bool is_last = false) {
    splicer.take(piece, is_last);
    return std::string(splicer.pass(delay_ids));
  };
  const std::string own = R"("event_id":"$sent","sender":"@alice:example.org")";
  for (const std::string& piece : {R"({"rooms":{"x":[{"age":1)"s, "," + own, R"(,"content":{"body":"a)"s, "b"s}) {
    EXPECT_EQ(pass(piece), piece);
  }
  EXPECT_EQ(pass("\"}}"), R"("},"unsigned":{)" + members + "}}");
  EXPECT_EQ(pass(R"(,{"unsigned":{"age":1)"), R"(,{"unsigned":{"age":1)");
  EXPECT_EQ(pass("}," + own), "");
  EXPECT_EQ(pass("}"), "," + members + "}," + own + "}");
  EXPECT_EQ(pass("]}}", true), "]}}");
}

TEST(DelayIdsInPieces, LeaveWhatIsTooLargeToBeHeldAndGoOnBehindIt) {
  const std::string own = R"("event_id":"$sent","sender":"@alice:example.org")";
  const std::string large =
      R"({"unsigned":{},"content":")" + std::string(3 * DelayIdSplicer::max_held_bytes, 'x') + "\",";
  const std::string largest =
      R"({"unsigned":{"delay_id":")" + std::string(3 * DelayIdSplicer::max_held_bytes, 'x') + "\"},";
  const std::string body = "[" + large + own + "}," + largest + own + R"(},{"unsigned":{"x":)" + large + own + "}}," +
                           own + "},{" + own + "}]";
  DelayIdSplicer splicer(alice);
  constexpr std::size_t piece_bytes = 65'536;
  std::string shown;
  for (std::size_t begin = 0; begin < body.size(); begin += piece_bytes) {
    splicer.take(std::string_view(body).substr(begin, piece_bytes), begin + piece_bytes >= body.size());
    shown += splicer.pass(delay_ids);
    ASSERT_GE(shown.size() + DelayIdSplicer::max_held_bytes + piece_bytes, std::min(begin + piece_bytes, body.size()));
  }
  const std::string end = "}," + own + "},{" + own + "}]";
  const std::string end_with_ids = "," + members + "}," + own + "},{" + own + R"(,"unsigned":{)" + members + "}}]";
  EXPECT_TRUE(shown == body.substr(0, body.size() - end.size()) + end_with_ids);
}

TEST(DelayIdsInPieces, PassAsTheyAreFromWhereItIsNoJson) {
  const std::string event = R"({"event_id":"$sent","sender":"@alice:example.org"})";
  const std::string with_ids = R"({"event_id":"$sent","sender":"@alice:example.org","unsigned":{)" + members + "}}";
  const std::size_t first = 1 + event.size();
  for (const char* fault : {"\"\n", "\xff", "{]", "01"}) {
    const std::string body = "[" + event + "," + fault + event + "]";
    EXPECT_EQ(shown_in_pieces(body, {first, first + 3}), "[" + with_ids + body.substr(first));
    EXPECT_EQ(shown(body), body);
  }
}

}  // namespace
}  // namespace afterword::gateway
