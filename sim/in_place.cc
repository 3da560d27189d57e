#include "sim/in_place.h"

#include <array>

namespace afterword::sim {
namespace {

struct OnTheWire {
  int status;
  const char* body;
  const char* retry_after = nullptr;  // s
};

constexpr auto html = "<html><body>No</body></html>";

homeserver::HttpAnswer to_answer(const OnTheWire& from) {
  http::Response response;
  response.status = from.status;
  response.body = from.body;
  if (from.retry_after != nullptr) response.headers.add("Retry-After", from.retry_after);
  return response;
}

}  // namespace

homeserver::HttpAnswer draw_middlebox_answer(Random& random) {
  static constexpr std::array<OnTheWire, 12> answers{{{200, html},
                                                      {302, ""},
                                                      {403, html},
                                                      {404, html},
                                                      {405, html},
                                                      {408, html},
                                                      {413, html},
                                                      {421, html},
                                                      {425, html},
                                                      {429, R"({"errcode":"M_UNKNOWN"})"},
                                                      {429, html, "120"},
                                                      {503, html}}};
  return to_answer(random.pick(answers));
}

std::optional<homeserver::HttpAnswer> draw_answer_to_stuck(Random& random) {
  static constexpr std::array<OnTheWire, 6> answers{
      {{200, html},
       {404, html},
       {404, R"({"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"})"},
       {405, R"({"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"})"},
       {429, html, "300"},
       {500, R"({"errcode":"M_UNKNOWN","error":"Internal server error"})"}}};
  const auto number = random.below(answers.size() + 2);
  if (number < answers.size()) return to_answer(answers.at(number));
  if (number == answers.size()) return std::nullopt;
  return http::NoAnswer{http::NoAnswer::Arrived::unknown, "connection reset"};
}

}  // namespace afterword::sim
