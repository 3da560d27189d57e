#include "gateway/admission.h"

#include "gateway/routes.h"

#include <cstddef>
#include <variant>

namespace afterword::gateway {
namespace {

// Routes that read no body have it too, because clients send an empty object now and then.
constexpr std::size_t small_body_bytes = 1024;

// What stands around the content of an event: the delay and a state key.
constexpr std::size_t frame_bytes = 4 * 1024;
constexpr std::size_t event_body_bytes = 64 * 1024 + frame_bytes;

constexpr http::Admission ours(std::size_t max_body_bytes) {
  return {.max_body_bytes = max_body_bytes, .may_use_reserve = true};
}

// The homeserver has limits of its own. What we do not look into passes in pieces.
constexpr http::Admission theirs(const PassThroughRoute& route, bool changes_nothing) {
  return {.streams_body = true, .ends_with_client = changes_nothing || route.is_long_poll};
}

// Those that merge something into the homeserver's answer only read.
constexpr http::Admission merged{.max_body_bytes = small_body_bytes, .ends_with_client = true};

struct AdmissionTo {
  bool changes_nothing = false;

  http::Admission operator()(const ScheduleRoute&) const { return ours(event_body_bytes); }
  http::Admission operator()(const ManageRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const RetryRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const LookUpRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const ListScheduledRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const ListRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const PreflightRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const UnrecognizedRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const MethodNotAllowedRoute&) const { return ours(small_body_bytes); }
  http::Admission operator()(const VersionsRoute&) const { return merged; }
  http::Admission operator()(const CapabilitiesRoute&) const { return merged; }
  // It may be off.
  http::Admission operator()(const UserPageRoute&) const { return theirs({}, changes_nothing); }
  http::Admission operator()(const PassThroughRoute& route) const { return theirs(route, changes_nothing); }
};

}  // namespace

http::Admission admit(std::string_view method, std::string_view target) {
  const auto parsed = http::Target::parse_in_place(target);
  if (!parsed) return ours(small_body_bytes);
  return std::visit(AdmissionTo{http::is_safe(method)}, find_route(method, *parsed));
}

}  // namespace afterword::gateway
