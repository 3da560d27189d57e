#include "domain/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace afterword::domain {
namespace {

TEST(DelayId, IsReadBackFromItsText) {
  const DelayId id = DelayId::random();
  EXPECT_EQ(DelayId::parse(id.to_string()), id);
}

TEST(DelayId, KeepsToTheGrammarOfOpaqueIdentifiers) {
  const std::string text = DelayId::random().to_string();
  EXPECT_EQ(text.size(), 22u);
  EXPECT_EQ(text.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"),
            std::string::npos);
}

TEST(DelayId, IsNotFoundInOtherTexts) {
  for (const char* text :
       {"", "x", "syd_AbCdEfGhIjKlMnOpQrS", "syd_AbCdEfGhIjKlMnOpQrS1", "_____________________w",
        "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA", "!!!!!!!!!!!!!!!!!!!!!!"}) {
    EXPECT_FALSE(DelayId::parse(text)) << text;
  }
}

TEST(DelayId, KeepsThoseOfSynapse) {
  std::set<DelayId> ids;
  for (const std::string letters : {"AAAAAAAAAAAAAAAAAAAA", "zzzzzzzzzzzzzzzzzzzz", "AbCdEfGhIjKlMnOpQrSt",
                                    "AAAAAAAAAAAAAAAAAAAB", "zAAAAAAAAAAAAAAAAAAA"}) {
    const std::string text = "syd_" + letters;
    const std::optional<DelayId> id = DelayId::parse(text);
    ASSERT_TRUE(id) << text;
    EXPECT_EQ(id->to_string(), text);
    EXPECT_TRUE(ids.insert(*id).second);
  }
}

TEST(TransactionKey, TellsUserDevicePathAndTxnIdApart) {
  const UserId alice("@alice:example.org");
  const UserId bob("@bob:example.org");
  const DeviceId phone("PHONE");
  const TransactionKey key = TransactionKey::of(alice, phone, "/a", "1");
  EXPECT_EQ(key, TransactionKey::of(alice, phone, "/a", "1"));
  EXPECT_NE(key, TransactionKey::of(bob, phone, "/a", "1"));
  EXPECT_NE(key, TransactionKey::of(alice, DeviceId("LAPTOP"), "/a", "1"));
  EXPECT_NE(key, TransactionKey::of(alice, std::nullopt, "/a", "1"));
  EXPECT_NE(key, TransactionKey::of(alice, phone, "/b", "1"));
  EXPECT_NE(key, TransactionKey::of(alice, phone, "/a", "2"));
  EXPECT_NE(TransactionKey::of(alice, phone, "/a", "11"), TransactionKey::of(alice, phone, "/a1", "1"));
}

}  // namespace
}  // namespace afterword::domain
