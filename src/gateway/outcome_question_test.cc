#include "gateway/outcome_question.h"

#include "base/encoding.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

const std::string asking = R"({"org.matrix.msc4140.finalised_delayed_events":true})";

std::optional<OutcomeQuestion> question_of(std::string_view method, const std::string& rest_of_target) {
  return find_outcome_question(method, *http::Target::parse("/_matrix/client/" + rest_of_target));
}

std::optional<OutcomeQuestion> with_filter(const std::string& filter, const std::string& more = "") {
  std::string target = "v3/sync?filter=";
  append_percent_encoded(target, filter);
  return question_of("GET", target + more);
}

TEST(OutcomeQuestionTest, StandsInTheFilterOfASync) {
  const auto first = with_filter(asking);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->form, SyncForm::sync);
  EXPECT_EQ(first->since, "");
  const auto next = with_filter(R"({"room":{},"org.matrix.msc4140.finalised_delayed_events":true})", "&since=s1%5F2");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->since, "s1_2");
}

TEST(OutcomeQuestionTest, IsNothingThatOneHasNotSaid) {
  for (const char* filter : {"{}", "3", "", R"({"org.matrix.msc4140.finalised_delayed_events":false})",
                             R"({"org.matrix.msc4140.finalised_delayed_events":1})",
                             R"({"room":{"org.matrix.msc4140.finalised_delayed_events":true}})",
                             R"({"org.matrix.msc4140.finalised_delayed_events":true)",
                             R"(["org.matrix.msc4140.finalised_delayed_events"])"}) {
    EXPECT_FALSE(with_filter(filter)) << filter;
  }
  EXPECT_FALSE(question_of("GET", "v3/sync"));
  EXPECT_FALSE(question_of("GET", "v3/events?filter=%7B%22org.matrix.msc4140.finalised_delayed_events%22:true%7D"));
  EXPECT_FALSE(question_of("PUT", "v3/sync?filter=%7B%22org.matrix.msc4140.finalised_delayed_events%22:true%7D"));
  EXPECT_FALSE(find_outcome_question("GET", *http::Target::parse("/sync")));
}

TEST(OutcomeQuestionTest, OfSlidingSyncIsAnExtension) {
  const auto question = question_of("POST", "unstable/org.matrix.simplified_msc3575/sync?pos=5%2F6&timeout=0");
  ASSERT_TRUE(question);
  EXPECT_EQ(question->form, SyncForm::sliding_sync);
  EXPECT_EQ(question->since, "5/6");
  EXPECT_TRUE(asks_for_outcomes(
      R"({"lists":{},"extensions":{"org.matrix.msc4140.finalised_delayed_events":{"enabled":true}}})"));
  for (const char* body : {"", "{}", R"({"extensions":{"org.matrix.msc4140.finalised_delayed_events":{}}})",
                           R"({"extensions":{"org.matrix.msc4140.finalised_delayed_events":{"enabled":false}}})",
                           R"({"extensions":{"org.matrix.msc4140.finalised_delayed_events":true}})",
                           R"({"org.matrix.msc4140.finalised_delayed_events":{"enabled":true}})"}) {
    EXPECT_FALSE(asks_for_outcomes(body)) << body;
  }
}

TEST(OutcomeQuestionTest, IsAskedWithoutWaiting) {
  EXPECT_EQ(without_waiting("/sync?timeout=30000"), "/sync");
  EXPECT_EQ(without_waiting("/sync?since=s%3F1&timeout=30000;filter={}&timeouts=1"),
            "/sync?since=s%3F1&filter={}&timeouts=1");
  EXPECT_EQ(without_waiting("/sync?timeout&pos=5&timeout=3&%74imeou%74=4"), "/sync?pos=5");
  EXPECT_EQ(without_waiting("/sync"), "/sync");
}

}  // namespace
}  // namespace afterword::gateway
