#include "doctor/finding.h"

#include <gtest/gtest.h>

namespace afterword::doctor {
namespace {

TEST(Finding, IsALineAndItsFix) {
  EXPECT_EQ(to_text(Finding{"database", Verdict::ok, "opens"}), "ok       database       opens\n");
  EXPECT_EQ(to_text(Finding{"homeserver", Verdict::failed, "no answer", "start it"}),
            "FAILED   homeserver     no answer\n                        -> start it\n");
}

TEST(Finding, AllAreOneObjectForMachines) {
  EXPECT_EQ(to_json_text({{"database", Verdict::ok, "opens"}, {"clock", Verdict::warning, "\"late\"", "set it"}}),
            R"({"worst":"warning","findings":[{"check":"database","verdict":"ok","detail":"opens","fix":null},)"
            R"({"check":"clock","verdict":"warning","detail":"\"late\"","fix":"set it"}]})"
            "\n");
}

TEST(Finding, TheWorstCounts) {
  const Finding ok{"a", Verdict::ok, ""};
  const Finding warning{"b", Verdict::warning, ""};
  const Finding failed{"c", Verdict::failed, ""};
  EXPECT_EQ(worst_of({}), Verdict::ok);
  EXPECT_EQ(worst_of({ok, warning, ok}), Verdict::warning);
  EXPECT_EQ(worst_of({failed, warning, ok}), Verdict::failed);
}

}  // namespace
}  // namespace afterword::doctor
