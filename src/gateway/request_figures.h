// How many requests there were, by what they meant and how they were answered, and how long that took.
//
// Thread: the server's only one. A request costs two looks at the clock and a few additions.
#pragma once

#include "async/clock.h"
#include "base/histogram.h"
#include "gateway/routes.h"
#include "http/message.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace afterword::gateway {

// What a request meant. Managing is named by its action, where that is known.
enum class RouteName : std::uint8_t {
  schedule,
  restart,
  cancel,
  send,
  manage,  // its action could not be read
  retry,
  look_up,
  list_scheduled,
  list,
  versions,
  capabilities,
  user_page,
  preflight,
  unrecognized,
  method_not_allowed,
  long_poll,
  pass_through,
};
inline constexpr std::array<std::string_view, 17> route_names{
    "schedule",           "restart",   "cancel",      "send",         "manage",    "retry",     "look_up",
    "list_scheduled",     "list",      "versions",    "capabilities", "user_page", "preflight", "unrecognized",
    "method_not_allowed", "long_poll", "pass_through"};
RouteName name_of(const Route& route);

// How it was answered: the first digit of the status, or not at all, because its client or its server had gone.
inline constexpr std::array<std::string_view, 6> outcome_names{"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
std::size_t outcome_of(int status);

struct RequestsOfRoute {
  std::array<std::uint64_t, outcome_names.size()> answers{};
  Histogram seconds{seconds_bounds};  // until the head of the answer, of those that have one
  std::uint64_t under_way = 0;
};
using RequestFigures = std::array<RequestsOfRoute, route_names.size()>;

// One request, from its beginning until this ends: as one without an answer, unless it is said to have one.
//
// It may be destroyed where it waits, after the gateway, and so holds the figures.
class RequestMeter {
 public:
  RequestMeter(std::shared_ptr<RequestFigures> figures, const async::Clock& clock, RouteName name)
      : figures_(std::move(figures)), clock_(clock), begin_(clock.steady_now()), first_name_(name), name_(name) {
    ++of(first_name_).under_way;
  }
  RequestMeter(const RequestMeter&) = delete;
  RequestMeter& operator=(const RequestMeter&) = delete;
  ~RequestMeter();

  // An action that stands in the body is found later.
  void rename(RouteName name) { name_ = name; }

  // Its answer, which is handed back.
  http::Response answered(http::Response response);

 private:
  RequestsOfRoute& of(RouteName name) { return (*figures_)[static_cast<std::size_t>(name)]; }

  const std::shared_ptr<RequestFigures> figures_;
  const async::Clock& clock_;
  const async::Steady begin_;
  const RouteName first_name_;
  RouteName name_;
  int status_ = http::no_answer;
};

}  // namespace afterword::gateway
