// Whether Afterword kept its promises: a judgement on what clients were told and what is in the rooms, made by somebody
// who knows neither how Afterword works nor which faults there were.
#pragma once

#include "sim/history.h"
#include "sim/homeserver.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace afterword::sim {

// What is documented to make a difference.
struct Circumstances {
  bool faultless = false;                    // then all is in time but for what is held up, and all is answered
  bool reachable = false;                    // clients reach an Afterword that reaches its store, all the time
  bool clocks_steady = true;                 // nobody set a clock
  std::chrono::milliseconds clock_error{};   // by which the clocks of instances may differ
  std::chrono::milliseconds longest_hold{};  // how long unclear attempts hold up a room in all
  std::chrono::milliseconds start_grace{};   // how long a process waits with what it finds when it starts,
  bool has_outages = false;                  // or when its store or its homeserver is back, which was away now and then
  std::vector<Steady> starts;                // when processes began to serve
  // How late events may be, where nothing takes longer than for clear answers to be found.
  std::optional<std::chrono::milliseconds> longest_lateness = std::nullopt;
};

// One line a broken promise; none if all were kept.
std::vector<std::string> broken_promises(const History& history, const SimulatedHomeserver& homeserver,
                                         const Circumstances& circumstances);

}  // namespace afterword::sim
