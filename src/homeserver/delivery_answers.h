// What an answer to a delivery means, as one table.
//
// Only a Matrix error object ends an event, and only one of a status and an errcode, judged together, with which a
// homeserver refuses this event. All other answers are about the way to the homeserver: a proxy that speaks for it, our
// own token, a wrong address. They say nothing about the event, which is sent when the way is open. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace afterword::homeserver {

enum class Meaning : std::uint8_t {
  refused,  // this event, by the homeserver
  // Something between us and the homeserver has answered, or the homeserver about itself:
  not_arrived,  // the request has certainly not taken effect
  unclear,      // it may have taken effect
};

struct AnswerRule {
  int status;                // any_status: every other
  std::string_view errcode;  // any_errcode: every Matrix error object; any_body: HTML, nothing, and all else too
  Meaning meaning;
  std::string_view why;  // for the log, where it is not about this event
};
inline constexpr int any_status = 0;
inline constexpr std::string_view any_errcode = "*";
inline constexpr std::string_view any_body = "";

// The first row that fits counts. A success with an event_id is not among them.
std::span<const AnswerRule> delivery_answers();

// `errcode` is that of a Matrix error object, or empty if the answer is none.
const AnswerRule& rule_of(int status, std::string_view errcode);

// Whether that is the form of a Matrix errcode: "M_FORBIDDEN", "ORG.EXAMPLE.FORBIDDEN".
bool is_errcode(std::string_view text);

}  // namespace afterword::homeserver
