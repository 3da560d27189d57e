// What the doctor checks. A check is a file: what the homeserver is asked for it, and what its answers and the rest of
// the evidence mean. A new one is a file and a line in checks.cc.
//
// Pure. Thread: any.
#pragma once

#include "doctor/evidence.h"
#include "doctor/finding.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::doctor {

struct Check {
  std::string_view name;  // of its findings
  bool needs_homeserver = false;

  // Nothing if it asks nothing. The evidence is that of the checks before.
  std::vector<Question> (*questions)(const Evidence& evidence) = nullptr;

  // What is well is a finding too, a short one; no finding: there is nothing to say.
  Findings (*judge)(const Evidence& evidence) = nullptr;
};

// In the order of what depends on what. The first says whether there is a homeserver.
std::span<const Check* const> all_checks();

extern const Check homeserver_check;
extern const Check registration_check;
extern const Check namespace_check;
extern const Check rate_limited_check;
extern const Check delayed_events_check;
extern const Check clock_check;
extern const Check accounts_check;
extern const Check whoami_check;
extern const Check token_service_check;
extern const Check clients_check;
extern const Check listen_check;
extern const Check database_check;
extern const Check durability_check;
extern const Check disk_check;
extern const Check sync_check;

// The registration as a person finds it.
std::string registration_path(const ops::Configuration& configuration);

// Whether an Afterword answers where this one is to listen.
bool afterword_runs(const Evidence& evidence);
std::string first_address(const ops::Configuration& configuration);

}  // namespace afterword::doctor
