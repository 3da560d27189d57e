// The simulator's command line: worlds from seed to seed, or one of them line by line. See sim/README.md.

#include "base/log.h"
#include "sim/world.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace afterword;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::optional<std::uint64_t> seed;
  std::uint64_t first = 1;
  std::uint64_t seeds = 0;
  double seconds = 0;
  std::uint64_t failures = 10;
  std::string breakage = "none";
  std::vector<std::string> without;
};

int replay(std::uint64_t seed, sim::WorldOptions options) {
  options.trace_line = [](const std::string& line) { fmt::print("{}\n", line); };
  const sim::Verdict verdict = sim::run_world(seed, options);
  fmt::print("seed {}: {} handlers, {:.0f} simulated seconds, {} broken promises\n", seed, verdict.handlers,
             verdict.seconds, verdict.broken.size());
  return verdict.broken.empty() ? 0 : 1;
}

void print_coverage(const sim::Coverage& coverage) {
  fmt::print("\n{:<34} {:>10} {:>8}\n", "steps at which a process may die", "passed", "killed");
  std::vector<std::string> never;
  for (const auto& [step, count] : coverage.steps) {
    const std::string name = fmt::format("{} {}", step.first, step.second);
    fmt::print("{:<34} {:>10} {:>8}\n", name, count.passed, count.killed);
    if (count.killed == 0) never.push_back(name);
  }
  fmt::print("killed at {} of {} steps; never at: {}\n", coverage.steps.size() - never.size(), coverage.steps.size(),
             never.empty() ? "none" : fmt::format("{}", fmt::join(never, ", ")));
}

int run_many(const Arguments& arguments, const sim::WorldOptions& options) {
  const auto began = Clock::now();
  const auto elapsed = [began] { return std::chrono::duration<double>(Clock::now() - began).count(); };
  sim::Verdict sum;
  std::uint64_t worlds = 0;
  std::uint64_t failed = 0;
  const auto more = [&] {
    if (failed >= arguments.failures) return false;
    if (arguments.seeds > 0 && worlds >= arguments.seeds) return false;
    return arguments.seconds <= 0 || elapsed() < arguments.seconds;
  };
  for (std::uint64_t seed = arguments.first; more(); ++seed, ++worlds) {
    const sim::Verdict verdict = sim::run_world(seed, options);
    if (!verdict.broken.empty()) {
      ++failed;
      for (const std::string& line : verdict.broken) fmt::print("seed {}: {}\n", seed, line);
      std::fflush(stdout);
    }
    sum.coverage.add(verdict.coverage);
    sum.handlers += verdict.handlers;
    sum.kills += verdict.kills;
    sum.pauses += verdict.pauses;
    sum.homeserver_faults += verdict.homeserver_faults;
    sum.disk_faults += verdict.disk_faults;
    sum.clock_steps += verdict.clock_steps;
    sum.events += verdict.events;
    sum.sent += verdict.sent;
    sum.seconds += verdict.seconds;
  }
  print_coverage(sum.coverage);
  fmt::print(
      "\n{} worlds in {:.1f} s ({:.0f} a second), {:.1f} simulated hours, {} handlers\n"
      "{} delayed events, {} sent; {} kills, {} pauses, {} faults of the homeserver, {} of the disk, {} clock steps\n"
      "{} worlds with broken promises\n",
      worlds, elapsed(), static_cast<double>(worlds) / elapsed(), sum.seconds / 3600, sum.handlers, sum.events,
      sum.sent, sum.kills, sum.pauses, sum.homeserver_faults, sum.disk_faults, sum.clock_steps, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  Arguments arguments;
  CLI::App app("Simulates Afterword, its clients and its homeserver under faults, from a seed");
  app.add_option("--seed", arguments.seed, "replay this seed, line by line");
  app.add_option("--first", arguments.first, "the first seed");
  app.add_option("--seeds", arguments.seeds, "how many seeds");
  app.add_option("--seconds", arguments.seconds, "no longer than this");
  app.add_option("--failures", arguments.failures, "stop after so many worlds with broken promises");
  app.add_option("--break", arguments.breakage, "break this guarantee on purpose");
  app.add_option("--without", arguments.without, "leave this kind of fault out (repeatable)");
  CLI11_PARSE(app, count, values);

  sim::WorldOptions options;
  const auto breakage = sim::breakage_of(arguments.breakage);
  if (!breakage) {
    fmt::print(stderr, "--break: one of {}\n", fmt::join(sim::breakage_names(), ", "));
    return 2;
  }
  options.breakage = *breakage;
  options.without.insert(arguments.without.begin(), arguments.without.end());
  set_up_log(arguments.seed ? "info" : "off");
  if (arguments.seed) return replay(*arguments.seed, std::move(options));
  if (arguments.seeds == 0 && arguments.seconds <= 0) arguments.seeds = 1000;
  return run_many(arguments, options);
}
