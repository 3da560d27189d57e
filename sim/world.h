// One simulated world: Afterword's processes, a homeserver, a disk or a database, clients, and faults, all drawn from
// one seed. It runs until its clients are done, then heals, and must come to rest; then it is judged.
//
// One world at a time in a process: SQLite's way to files and the source of random bytes are the process's.
#pragma once

#include "sim/broken.h"
#include "sim/steps.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace afterword::sim {

struct WorldOptions {
  Breakage breakage = Breakage::none;
  std::set<std::string, std::less<>> without;  // kinds of faults that are left out; see fault_kinds()
  std::function<void(const std::string&)> trace_line;
};

struct Verdict {
  std::vector<std::string> broken;  // promises
  Coverage coverage;
  std::uint64_t handlers = 0;
  std::uint64_t kills = 0;
  std::uint64_t pauses = 0;
  std::uint64_t homeserver_faults = 0;
  std::uint64_t disk_faults = 0;
  std::uint64_t clock_steps = 0;
  std::uint64_t events = 0;  // that clients wanted
  std::uint64_t sent = 0;    // that came to a room
  double seconds = 0;        // of simulated time
};

const std::vector<std::string>& fault_kinds();

Verdict run_world(std::uint64_t seed, const WorldOptions& options);

}  // namespace afterword::sim
