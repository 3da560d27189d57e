// The moments of a verb or a request at which a process may be killed, counted: what a run has gone through, and where
// it killed.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace afterword::sim {

class Node;

// What happened, and when within it: {"claim", "committed"}. Texts that live for ever.
using Step = std::pair<std::string_view, std::string_view>;

struct Coverage {
  struct Count {
    std::uint64_t passed = 0;
    std::uint64_t killed = 0;
  };
  std::map<Step, Count> steps;  // all that there are, also those that were not met

  void add(const Coverage& other) {
    for (const auto& [step, count] : other.steps) {
      steps[step].passed += count.passed;
      steps[step].killed += count.killed;
    }
  }
};

// Who is told of each step, and may doom the process there. The task that tells waits right afterwards.
class Steps {
 public:
  virtual ~Steps() = default;
  virtual void pass(Node& node, Step step) = 0;
};

}  // namespace afterword::sim
