// A bounded share of what scripts/sim does, and the proof that the checkers bite: each guarantee is broken on purpose,
// and must be found out within a bounded number of seeds.

#include "sim/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <vector>

namespace afterword::sim {
namespace {

using ::testing::IsEmpty;

class Simulator : public ::testing::Test {
 protected:
  Simulator() { spdlog::set_level(spdlog::level::off); }
};

// The first of them, in parts that can run beside each other; scripts/sim goes on.
constexpr std::uint64_t seeds_at_once = 250;
class SimulatorFrom : public Simulator, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(SimulatorFrom, KeepsEveryPromiseUnderFaults) {
  const WorldOptions options;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + seeds_at_once; ++seed) {
    EXPECT_THAT(run_world(seed, options).broken, IsEmpty()) << "make sim SEED=" << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Seed, SimulatorFrom, ::testing::Range<std::uint64_t>(1, 5001, seeds_at_once));

TEST_F(Simulator, IsTheSameForTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::vector<std::string> first;
    std::vector<std::string> second;
    WorldOptions options;
    options.trace_line = [&first](const std::string& line) { first.push_back(line); };
    run_world(seed, options);
    options.trace_line = [&second](const std::string& line) { second.push_back(line); };
    run_world(seed, options);
    EXPECT_EQ(first, second);
    EXPECT_FALSE(first.empty());
  }
}

struct Broken {
  const char* name;
  std::uint64_t within;      // so many seeds
  const char* found_out_as;  // a part of what the checkers then say
};
void PrintTo(const Broken& broken, std::ostream* stream) { *stream << broken.name; }

class CheckersBite : public ::testing::TestWithParam<Broken> {
 protected:
  CheckersBite() { spdlog::set_level(spdlog::level::off); }
};

TEST_P(CheckersBite, WhenAGuaranteeIsBrokenOnPurpose) {
  WorldOptions options;
  options.breakage = *breakage_of(GetParam().name);
  for (std::uint64_t seed = 1; seed <= GetParam().within; ++seed) {
    for (const std::string& line : run_world(seed, options).broken) {
      if (line.find(GetParam().found_out_as) != std::string::npos) return;
    }
  }
  FAIL() << "was not found out";
}

INSTANTIATE_TEST_SUITE_P(
    Each, CheckersBite,
    ::testing::Values(Broken{"no-look", 300, "times in its room"},
                      Broken{"claim-not-durable", 300, "times in its room"}, Broken{"early-restart", 100, "early"},
                      Broken{"early-schedule", 100, "not known any more"}, Broken{"restart-ignored", 20, "early"},
                      Broken{"no-rooms", 100, "came after"},
                      Broken{"cancel-ignored", 20, "was cancelled or has failed, and is in its room"},
                      Broken{"early-timer", 20, "early"}, Broken{"finalise-lost", 20, "not come to any outcome"},
                      Broken{"fence-off", 3000, "in its room"}, Broken{"no-hold", 200, "came after"},
                      Broken{"refused-restart-granted", 100, "early"},
                      Broken{"queue-ignored", 6000, "times in its room"}, Broken{"no-flush", 3000, "times in its room"},
                      Broken{"no-mark", 1000, "late although the homeserver was never away"},
                      Broken{"refusal-at-once", 300, "failed for no reason"},
                      Broken{"outage-at-once", 1000, "late although nothing was wrong"},
                      Broken{"middlebox-believed", 100, "failed for no reason"},
                      Broken{"restart-waits", 1000, "not answered within two seconds"},
                      Broken{"bans-ignored", 300, "although its owner was banned"}),
    [](const auto& broken) {
      std::string name = broken.param.name;
      for (char& letter : name) letter = letter == '-' ? '_' : letter;
      return name;
    });

}  // namespace
}  // namespace afterword::sim
