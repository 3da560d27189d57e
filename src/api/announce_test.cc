#include "api/announce.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace afterword::api {
namespace {

TEST(AnnounceInVersions, AddsOurFeaturesToTheHomeservers) {
  const auto merged =
      announce_in_versions(R"({"versions":["v1.11"],"unstable_features":{"a":true,"org.matrix.msc4140":false}})");
  EXPECT_EQ(merged, R"({"versions":["v1.11"],"unstable_features":{"a":true,"org.matrix.msc4140":true,)"
                    R"("org.matrix.msc4140.stable":true,"org.matrix.msc4486":true}})");
  EXPECT_TRUE(announce_in_versions(R"({"versions":[]})"));
  EXPECT_EQ(announce_in_versions("{}")->find("msc4502"), std::string::npos);
  EXPECT_NE(announce_in_versions("{}", true)->find(R"("io.element.msc4502":true)"), std::string::npos);
}

TEST(AnnounceInVersions, LeavesAloneWhatIsNotAnObject) {
  EXPECT_FALSE(announce_in_versions("<html>"));
  EXPECT_FALSE(announce_in_versions("[]"));
}

TEST(AnnounceInCapabilities, ReplacesTheHomeserversOwnLimits) {
  domain::Limits limits;
  const auto merged = parse_json_object(*announce_in_capabilities(
      R"({"capabilities":{"m.change_password":{"enabled":true},"org.matrix.msc4140.delayed_events":{"max_delay_ms":1}}})",
      limits));
  const json::object& capabilities = merged->at("capabilities").as_object();
  EXPECT_TRUE(capabilities.contains("m.change_password"));
  for (const char* name : {"m.delayed_events", "org.matrix.msc4140.delayed_events"}) {
    EXPECT_EQ(to_text(capabilities.at(name)), R"({"max_delay_ms":86400000,"max_scheduled":100})");
  }
}

TEST(AnnounceInCapabilities, TellsTheLimitsByKindUnderANameOfItsOwn) {
  const auto merged = parse_json_object(*announce_in_capabilities("{}", domain::Limits()));
  const json::object& additions = merged->at("capabilities").at("afterword.delayed_events").as_object();
  EXPECT_EQ(additions.at("max_message_delay_ms").as_int64(), 2'592'000'000);
  EXPECT_EQ(additions.at("max_scheduled_for_calls").as_int64(), 120);
}

TEST(AnnounceInCapabilities, LeavesOutLimitsThatAreNotEnforced) {
  domain::Limits none;
  none.max_delay.reset();
  none.max_scheduled_per_user.reset();
  EXPECT_EQ(
      announce_in_capabilities("{}", none),
      R"({"capabilities":{"m.delayed_events":{},"org.matrix.msc4140.delayed_events":{},)"
      R"("afterword.delayed_events":{"send_answers_event_id":true,"restart_answers_send_ts":true,"retry":true}}})");
}

}  // namespace
}  // namespace afterword::api
