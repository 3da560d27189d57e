#include "base/server_time.h"

#include <gtest/gtest.h>

namespace afterword {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp noon = from_ms(1'800'000'000'000);
constexpr WallTime wall_noon = to_wall(noon, 0ms);

MachineTime reading(const char* boot_id, Milliseconds since_boot, WallTime wall) { return {boot_id, since_boot, wall}; }

// As a process leaves it behind that is killed at this reading.
KeptTime kept(const ServerTime& time, const MachineTime& machine) { return {machine.boot_id, time, time.at(machine)}; }

TEST(ServerTime, BeginsAsWallTime) {
  const MachineTime machine = reading("first", 1h, wall_noon);
  const ServerTime time = resume({}, machine);
  EXPECT_EQ(time.at(machine), noon);
  EXPECT_EQ(time.wall_offset, 0ms);
}

TEST(ServerTime, GoesOnWithTheBootClockAlone) {
  ServerTime time = resume({}, reading("first", 1h, wall_noon));
  for (const auto step : {0h, 5h, -5h}) {
    const MachineTime later = reading("first", 1h + 10s, wall_noon + 10s + step);
    EXPECT_EQ(time.at(later), noon + 10s);
    time.measure_offset(later);
    EXPECT_EQ(time.wall_offset, step);
  }
}

TEST(ServerTime, TheOffsetDoesNotWaver) {
  ServerTime time = resume({}, reading("first", 1h, wall_noon));
  for (const auto difference : {1ms, -1ms, 50ms, -50ms}) {
    time.measure_offset(reading("first", 1h, wall_noon + difference));
    EXPECT_EQ(time.wall_offset, 0ms);
  }
  time.measure_offset(reading("first", 1h, wall_noon + 51ms));
  EXPECT_EQ(time.wall_offset, 51ms);
}

TEST(ServerTime, AProcessThatStartsAgainGoesOnExactly) {
  const MachineTime before = reading("first", 1h, wall_noon);
  const KeptTime left = kept(resume({}, before), before);
  for (const auto step : {0h, 5h, -5h}) {  // somebody sets the clock meanwhile
    const MachineTime after = reading("first", 1h + 90s, wall_noon + 90s + step);
    const ServerTime time = resume(left, after);
    EXPECT_EQ(time.at(after), noon + 90s);
    EXPECT_EQ(time.wall_offset, step);
  }
}

TEST(ServerTime, ManyStartsAddUpToNothing) {
  MachineTime machine = reading("first", 1h, wall_noon);
  ServerTime time = resume({}, machine);
  for (int i = 0; i < 1000; ++i) {
    machine.since_boot += 7ms;
    machine.wall += i % 2 == 0 ? 8ms : 6ms;  // the two are never rounded alike
    time = resume(kept(time, machine), machine);
  }
  EXPECT_EQ(time.at(machine), noon + 7s);
  EXPECT_EQ(time.wall_offset, 0ms);
}

TEST(ServerTime, ABootIsBridgedByTheWallClock) {
  const MachineTime before = reading("first", 100h, wall_noon);
  const MachineTime after = reading("second", 1min, wall_noon + 10min);
  const ServerTime time = resume(kept(resume({}, before), before), after);
  EXPECT_EQ(time.at(after), noon + 10min);
  EXPECT_EQ(time.wall_offset, 0ms);
}

TEST(ServerTime, WhatLayBetweenTheClocksOutlivesABoot) {
  for (const auto step : {5h, -5h}) {
    MachineTime machine = reading("first", 100h, wall_noon);
    ServerTime time = resume({}, machine);
    machine.wall += step;
    time.measure_offset(machine);
    const MachineTime after = reading("second", 1min, wall_noon + step + 10min);
    time = resume(kept(time, machine), after);
    EXPECT_EQ(time.at(after), noon + 10min);
    EXPECT_EQ(time.wall_offset, step);
  }
}

TEST(ServerTime, NeverGoesBackAtABoot) {
  const MachineTime before = reading("first", 100h, wall_noon);
  const KeptTime left = kept(resume({}, before), before);
  const MachineTime after = reading("second", 1min, wall_from_ms(0));  // no battery
  const ServerTime time = resume(left, after);
  EXPECT_EQ(time.at(after), noon);
  EXPECT_EQ(to_wall(time.at(after), time.wall_offset), after.wall);
}

TEST(ServerTime, AnUnknownBootIsNeverTheSame) {
  const MachineTime before = reading("", 100h, wall_noon);
  const MachineTime after = reading("", 1min, wall_noon + 10min);
  EXPECT_EQ(resume(kept(resume({}, before), before), after).at(after), noon + 10min);
}

// A boot clock may be another one under the same boot_id: containers can have their own.
TEST(ServerTime, NeverGoesBackWithinABoot) {
  const MachineTime before = reading("first", 100h, wall_noon);
  const MachineTime after = reading("first", 1min, wall_noon + 10min);
  EXPECT_EQ(resume(kept(resume({}, before), before), after).at(after), noon);
}

}  // namespace
}  // namespace afterword
