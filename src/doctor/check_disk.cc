// Whether the disk of a database file has room, and is one to keep it on.
#include "doctor/checks.h"

#include <fmt/format.h>

#include <cstdint>

namespace afterword::doctor {
namespace {

constexpr const char* name = "disk";

constexpr std::uint64_t mib = 1024 * 1024;
// A million scheduled events take about half of it.
constexpr std::uint64_t enough_bytes = 1024 * mib;
// The write-ahead log alone may take so much.
constexpr std::uint64_t too_little_bytes = 64 * mib;

std::string size_text(std::uint64_t bytes) {
  if (bytes >= 10 * 1024 * mib) return fmt::format("{} GiB", bytes / (1024 * mib));
  return fmt::format("{} MiB", bytes / mib);
}

Findings judge(const Evidence& evidence) {
  const auto& disk = evidence.database.disk;
  if (!disk) return {};
  Findings findings;
  if (disk->in_memory) {
    findings.push_back(
        {name, Verdict::warning,
         fmt::format("{} is in memory: all delayed events are lost with the next start of the machine", disk->folder),
         "keep the database on a disk, as sqlite:/var/lib/afterword/afterword.db"});
  }
  if (disk->on_network) {
    findings.push_back(
        {name, Verdict::warning,
         fmt::format("{} is on a network file system, where SQLite's locks are not to be relied on", disk->folder),
         "keep the database on a local disk, or in PostgreSQL"});
  }
  const std::string room = fmt::format("{} free in {}", size_text(disk->free_bytes), disk->folder);
  if (disk->free_bytes < enough_bytes) {
    const bool is_full = disk->free_bytes < too_little_bytes;
    findings.push_back({name, is_full ? Verdict::failed : Verdict::warning,
                        room + ": without room nothing can be scheduled, and heartbeats fail",
                        "make room, or move the database to another disk"});
  }
  if (findings.empty()) findings.push_back({name, Verdict::ok, room});
  return findings;
}

}  // namespace

const Check disk_check{name, false, nullptr, judge};

}  // namespace afterword::doctor
