#include "gateway/request_figures.h"

#include "base/overloaded.h"

namespace afterword::gateway {

RouteName name_of(const Route& route) {
  const auto of_action = [](domain::Action action) {
    switch (action) {
      case domain::Action::restart:
        return RouteName::restart;
      case domain::Action::cancel:
        return RouteName::cancel;
      case domain::Action::send:
        break;
    }
    return RouteName::send;
  };
  const Overloaded names{
      [](const ScheduleRoute&) { return RouteName::schedule; },
      [&](const ManageRoute& manage) { return manage.action ? of_action(*manage.action) : RouteName::manage; },
      [](const RetryRoute&) { return RouteName::retry; },
      [](const LookUpRoute&) { return RouteName::look_up; },
      [](const ListScheduledRoute&) { return RouteName::list_scheduled; },
      [](const ListRoute&) { return RouteName::list; },
      [](const VersionsRoute&) { return RouteName::versions; },
      [](const CapabilitiesRoute&) { return RouteName::capabilities; },
      [](const UserPageRoute&) { return RouteName::user_page; },
      [](const PreflightRoute&) { return RouteName::preflight; },
      [](const UnrecognizedRoute&) { return RouteName::unrecognized; },
      [](const MethodNotAllowedRoute&) { return RouteName::method_not_allowed; },
      [](const PassThroughRoute& pass) { return pass.is_long_poll ? RouteName::long_poll : RouteName::pass_through; },
  };
  return std::visit(names, route);
}

std::size_t outcome_of(int status) {
  const auto digit = static_cast<std::size_t>(status) / 100;
  return digit < outcome_names.size() ? digit : 0;
}

http::Response RequestMeter::answered(http::Response response) {
  status_ = response.status;
  if (status_ == http::no_answer) return response;
  const std::chrono::duration<double> took = clock_.steady_now() - begin_;
  of(name_).seconds.add(took.count());
  return response;
}

RequestMeter::~RequestMeter() {
  --of(first_name_).under_way;
  ++of(name_).answers[outcome_of(status_)];
}

}  // namespace afterword::gateway
