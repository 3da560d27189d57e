#include "domain/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace afterword::domain {
namespace {

TEST(Ids, AreWhatMatrixGives) {
  for (const char* text :
       {"@alice:example.org", "@_bridge_x/y=z:example.org:8448", "@:example.org", "@\xc3\xa4:[::1]"}) {
    EXPECT_TRUE(is_user_id(text)) << text;
  }
  for (const char* text : {"$a", "$143273582443PhrSn:example.org", "$Woq2vwLy8mNukf7e8oz61GxT5gpMmr_asNojhb56-wU"}) {
    EXPECT_TRUE(is_event_id(text)) << text;
  }
}

TEST(Ids, AreNothingElse) {
  for (const char* text :
       {"", "@", "alice:example.org", "@alice", "@alice:", "@a b:c", "@a\r\nb:c", "@a\x7f:c", "$a:b"}) {
    EXPECT_FALSE(is_user_id(text)) << text;
  }
  for (const char* text : {"", "$", "a", "$a b", "$a\n", "@a:b"}) EXPECT_FALSE(is_event_id(text)) << text;
  EXPECT_FALSE(is_event_id(std::string_view("$a\0", 3)));
  EXPECT_TRUE(is_event_id("$" + std::string(254, 'x')));
  EXPECT_FALSE(is_event_id("$" + std::string(255, 'x')));
}

TEST(Ids, NameTheServerBehindTheFirstColon) {
  EXPECT_EQ(server_of(UserId("@alice:example.org:8448")), "example.org:8448");
  EXPECT_EQ(server_of(UserId("alice")), "");
}

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
