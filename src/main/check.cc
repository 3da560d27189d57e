#include "main/check.h"

#include "async/task_group.h"
#include "ops/check.h"
#include "ops/open_store.h"
#include "ops/public_check.h"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace afterword {
namespace {

using async::Task;
using ops::Finding;
using ops::Verdict;

// Of all tasks here: the configuration outlives them, because check() waits for them.
Task<Result<void, std::string>> try_database(async::Executor executor, const ops::Configuration& configuration) {
  const auto store = ops::open_store(executor, configuration.database);
  if (!store) co_return store.error();
  co_await (*store)->close();
  co_return Result<void, std::string>();
}

Task<void> look(async::Executor executor, const ops::Configuration& configuration,
                std::optional<ops::PublicAddress> public_address, std::vector<Finding>& findings) {
  ops::TryDatabase database = [executor](const ops::Configuration& named) { return try_database(executor, named); };
  std::vector<Finding> found = co_await ops::check(executor, configuration, std::move(database));
  findings.insert(findings.end(), found.begin(), found.end());
  if (!public_address) co_return;
  found = co_await ops::check_public(executor, configuration, *std::move(public_address));
  findings.insert(findings.end(), found.begin(), found.end());
}

std::vector<Finding> all_findings(const CheckCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) return {{"configuration", Verdict::failed, configuration.error(), {}}};

  std::vector<Finding> findings = {{"configuration", Verdict::ok, command.configuration.string(), {}}};
  async::asio::io_context io(1);
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("check", look(io.get_executor(), *configuration, command.public_address, findings));
  io.run();
  return findings;
}

}  // namespace

int check(const CheckCommand& command) {
  const std::vector<Finding> findings = all_findings(command);
  for (const Finding& finding : findings) std::fputs(to_text(finding).c_str(), stdout);
  const bool failed = std::ranges::any_of(findings, [](const Finding& f) { return f.verdict == Verdict::failed; });
  return failed ? exit_failed : exit_ok;
}

}  // namespace afterword
