// Whether the homeserver's own limits hold for what is sent. It reads the same file, so what that says is what it does.
#include "doctor/checks.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "rate_limited";

Findings judge(const Evidence& evidence) {
  if (evidence.configuration.rate_limited) {
    return {{name, Verdict::ok, "the homeserver's own limits hold for what is sent as its users"}};
  }
  return {{name, Verdict::warning,
           "the homeserver does not limit how fast a user's delayed events are sent: rate_limited is false",
           fmt::format("set rate_limited: true in {}, and restart the homeserver",
                       registration_path(evidence.configuration))}};
}

}  // namespace

const Check rate_limited_check{name, false, nullptr, judge};

}  // namespace afterword::doctor
