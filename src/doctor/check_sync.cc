// How long a commit waits for the disk. Each heartbeat waits for one, or for two, and clients give it two seconds.
#include "doctor/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace afterword::doctor {
namespace {

constexpr const char* name = "sync";

using Times = std::vector<std::chrono::microseconds>;

constexpr std::chrono::milliseconds slow{50};

std::string text_of(std::chrono::microseconds time) {
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(time).count());
}

Finding judge_times(Times times, std::string_view what) {
  std::ranges::sort(times);
  const auto usual = times[times.size() / 2];
  const std::string text =
      fmt::format("{} takes {} (the slowest of {}: {})", what, text_of(usual), times.size(), text_of(times.back()));
  if (usual <= slow) return {name, Verdict::ok, text};
  return {name, Verdict::warning, text + ", and each heartbeat waits for it",
          "keep the database on a faster disk, which few others write to and no network is in between"};
}

Findings judge(const Evidence& evidence) {
  const DatabaseSeen& database = evidence.database;
  if (database.disk && !database.disk->syncs.empty()) return {judge_times(database.disk->syncs, "a sync")};
  if (database.disk) return {{name, Verdict::ok, "not measured: " + database.disk->why_no_syncs}};
  if (database.durability && !database.durability->commits.empty()) {
    return {judge_times(database.durability->commits, "a commit")};
  }
  return {};
}

}  // namespace

const Check sync_check{name, false, nullptr, judge};

}  // namespace afterword::doctor
