#include "main/check.h"

#include "async/task_group.h"
#include "base/log.h"
#include "doctor/examine.h"
#include "doctor/finding.h"
#include "doctor/look_at_database.h"
#include "doctor/public_check.h"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <optional>
#include <utility>

namespace afterword {
namespace {

using async::Task;
using doctor::Finding;
using doctor::Findings;
using doctor::Verdict;

// What it is given outlives the task: all_findings() waits for it.
Task<void> look(async::Executor executor, const ops::Configuration& configuration,
                std::optional<doctor::PublicAddress> public_address, Findings& findings) {
  doctor::LookAtDatabase database = [executor](const ops::Configuration& named) {
    return doctor::look_at_database(executor, named);
  };
  Findings found = co_await doctor::examine(executor, configuration, std::move(database));
  findings.insert(findings.end(), found.begin(), found.end());
  if (!public_address) co_return;
  found = co_await doctor::check_public(executor, configuration, *std::move(public_address));
  findings.insert(findings.end(), found.begin(), found.end());
}

Findings all_findings(const CheckCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) return {{"configuration", Verdict::failed, configuration.error()}};

  Findings findings = {{"configuration", Verdict::ok, command.configuration.string()}};
  async::asio::io_context io(1);
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("check", look(io.get_executor(), *configuration, command.public_address, findings));
  io.run();
  return findings;
}

}  // namespace

int check(const CheckCommand& command) {
  set_up_log("off");  // what it would say, the findings say
  const Findings findings = all_findings(command);
  if (command.as_json) {
    std::fputs(doctor::to_json_text(findings).c_str(), stdout);
  } else {
    for (const Finding& finding : findings) std::fputs(to_text(finding).c_str(), stdout);
  }
  return doctor::worst_of(findings) == Verdict::failed ? exit_failed : exit_ok;
}

}  // namespace afterword
