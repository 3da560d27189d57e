#include "homeserver/access_token.h"

#include <gtest/gtest.h>

namespace afterword::homeserver {
namespace {

TEST(AccessToken, IsWhatServersGiveToClients) {
  const std::string longest(AccessToken::max_bytes, 'x');
  for (const std::string& text :
       {std::string("syt_YWxpY2U_WbFzKmPlNvRjQxTyGhUd_0aB1cD"), std::string("eyJhbGciOiJub25lIn0.e30."),
        std::string("mat_A-b.c_d~e+f/g"), std::string("Zm9vYg=="), longest}) {
    const auto token = AccessToken::parse(text);
    ASSERT_TRUE(token) << text;
    EXPECT_EQ(token->text(), text);
    EXPECT_EQ(token->authorization(), "Bearer " + text);
  }
}

TEST(AccessToken, IsNothingElse) {
  for (int code = 0; code < 256; ++code) {
    const char character = static_cast<char>(code);
    const bool is_allowed = std::isalnum(code) != 0 || std::string_view("-._~+/").find(character) != std::string::npos;
    const std::string between{'a', character, 'b'};
    EXPECT_EQ(AccessToken::parse(between).has_value(), is_allowed) << code;
    const std::string behind{'a', character};
    EXPECT_EQ(AccessToken::parse(behind).has_value(), is_allowed || character == '=') << code;
  }
  for (const std::string& text : {std::string(), std::string("="), std::string("=a"), std::string("a=b"),
                                  std::string("x\r\nX-Injected: yes"), std::string(AccessToken::max_bytes + 1, 'x')}) {
    EXPECT_FALSE(AccessToken::parse(text)) << text;
  }
}

}  // namespace
}  // namespace afterword::homeserver
