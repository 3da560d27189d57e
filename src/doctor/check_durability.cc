// Whether the database keeps what it has said is kept: its settings, as they are in force.
#include "doctor/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace afterword::doctor {
namespace {

constexpr const char* name = "durability";

struct Rule {
  std::string_view setting;
  std::string_view harmful;  // the value, or with "not " before it, any other
  Verdict verdict;
  std::string_view means;
  std::string_view fix;
};

constexpr Rule rules[] = {
    // SQLite's
    {"journal_mode", "not wal", Verdict::warning, "each commit syncs several times, and readers wait",
     "put the file on a local disk: the file system that it is on does not allow it a write-ahead log"},
    {"synchronous", "not 2", Verdict::failed, "a power failure loses what was acknowledged",
     "use the SQLite of your distribution: this one does not take PRAGMA synchronous = FULL"},
    // PostgreSQL's
    {"fsync", "off", Verdict::warning, "a crash of the machine loses what was acknowledged, or all of the database",
     "set fsync = on in postgresql.conf, and restart PostgreSQL"},
    {"synchronous_commit", "off", Verdict::warning, "a crash of PostgreSQL loses what was acknowledged",
     "set synchronous_commit = on, for the server or with ALTER ROLE … SET synchronous_commit = on"},
    {"full_page_writes", "off", Verdict::warning,
     "a crash of the machine while a page is written may damage the database",
     "set full_page_writes = on in postgresql.conf, unless the file system writes whole pages (as ZFS does)"},
};

bool is_broken(const Rule& rule, std::string_view value) {
  constexpr std::string_view any_other = "not ";
  if (rule.harmful.starts_with(any_other)) return value != rule.harmful.substr(any_other.size());
  return value == rule.harmful;
}

Findings judge(const Evidence& evidence) {
  const auto& durability = evidence.database.durability;
  if (!durability) return {};
  Findings findings;
  std::string all;
  for (const auto& [setting, value] : durability->settings) {
    all += fmt::format("{}{} {}", all.empty() ? "" : ", ", setting, value);
    for (const Rule& rule : rules) {
      if (rule.setting != setting || !is_broken(rule, value)) continue;
      findings.push_back(
          {name, rule.verdict, fmt::format("{} is {}: {}", setting, value, rule.means), std::string(rule.fix)});
    }
  }
  if (findings.empty()) findings.push_back({name, Verdict::ok, all});
  return findings;
}

}  // namespace

const Check durability_check{name, false, nullptr, judge};

}  // namespace afterword::doctor
