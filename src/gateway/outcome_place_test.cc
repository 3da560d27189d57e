#include "gateway/outcome_place.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

struct Read {
  std::string text;  // with the outcomes in it
  std::string token;
  bool has_ended = false;
};

// In pieces of so many bytes.
Read read(SyncForm form, const std::string& answer, std::size_t piece_bytes) {
  OutcomePlace place(form);
  Read read;
  for (std::size_t at = 0; at < answer.size(); at += piece_bytes) {
    const std::string piece = answer.substr(at, piece_bytes);
    const auto found = place.read(piece, at + piece_bytes >= answer.size());
    read.text += found ? piece.substr(0, *found) + place.text_with("E") + piece.substr(*found) : piece;
  }
  read.token = place.token();
  read.has_ended = place.has_ended();
  return read;
}

// However it is cut.
void expect(SyncForm form, const std::string& answer, const std::string& text, const std::string& token) {
  for (std::size_t piece_bytes = 1; piece_bytes <= answer.size(); ++piece_bytes) {
    const Read found = read(form, answer, piece_bytes);
    EXPECT_EQ(found.text, text) << piece_bytes;
    EXPECT_EQ(found.token, token) << piece_bytes;
    EXPECT_TRUE(found.has_ended) << piece_bytes;
  }
}

const std::string outcomes = R"("org.matrix.msc4140.finalised_delayed_events":[E])";
const std::string extension = R"("org.matrix.msc4140.finalised_delayed_events":{"delayed_events":[E]})";

TEST(OutcomePlaceTest, IsAtTheEndOfASync) {
  expect(SyncForm::sync, "{}", "{" + outcomes + "}", "");
  expect(SyncForm::sync, R"({"next_batch":"s1","rooms":{"next_batch":"other"}} )",
         R"({"next_batch":"s1","rooms":{"next_batch":"other"},)" + outcomes + "} ", "s1");
  expect(SyncForm::sync, R"({"rooms":[["next_batch"]],"next_batch":"s\u0031"})",
         R"({"rooms":[["next_batch"]],"next_batch":"s\u0031",)" + outcomes + "}", "s1");
  expect(SyncForm::sync, R"({"next_batch":3,"pos":"5"})", R"({"next_batch":3,"pos":"5",)" + outcomes + "}", "");
}

TEST(OutcomePlaceTest, IsAmongTheExtensionsOfASlidingSync) {
  expect(SyncForm::sliding_sync, R"({"pos":"5","extensions":{}})", R"({"pos":"5","extensions":{)" + extension + "}}",
         "5");
  expect(SyncForm::sliding_sync, R"({"extensions":{"e2ee":{"pos":"x","extensions":{}}},"pos":"5","rooms":{}})",
         R"({"extensions":{"e2ee":{"pos":"x","extensions":{}},)" + extension + R"(},"pos":"5","rooms":{}})", "5");
  expect(SyncForm::sliding_sync, R"({"rooms":{"extensions":{}},"pos":"5"})",
         R"({"rooms":{"extensions":{}},"pos":"5","extensions":{)" + extension + "}}", "5");
  expect(SyncForm::sliding_sync, "{}", R"({"extensions":{)" + extension + "}}", "");
}

TEST(OutcomePlaceTest, IsNowhereInWhatIsNoAnswerToASync) {
  for (const std::string answer : {"[]", "3", "", "[{\"next_batch\":\"s1\"}]", "<html>{}"}) {
    for (std::size_t piece_bytes = 1; piece_bytes <= answer.size(); ++piece_bytes) {
      const Read found = read(SyncForm::sync, answer, piece_bytes);
      EXPECT_EQ(found.text, answer);
      EXPECT_FALSE(found.has_ended) << answer;
    }
  }
  EXPECT_FALSE(read(SyncForm::sync, R"({"next_batch":"s1")", 4).has_ended);
  EXPECT_FALSE(read(SyncForm::sync, R"({"next_batch":"s1"}})", 4).has_ended);
}

}  // namespace
}  // namespace afterword::gateway
