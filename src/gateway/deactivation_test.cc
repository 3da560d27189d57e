#include "gateway/deactivation.h"

#include <gtest/gtest.h>

#include <string>

namespace afterword::gateway {
namespace {

const std::string bob = "@bob:example.org";
const PassThroughRoute by_oneself{.revokes = Revokes::the_account};
const PassThroughRoute by_an_admin{.revokes = Revokes::the_account, .administered = bob};
const PassThroughRoute of_an_account{
    .revokes = Revokes::the_account, .administered = bob, .answers_with_account = true};

http::Response answer(std::string body, std::string type = "application/json", int status = 200) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", std::move(type));
  response.body = std::move(body);
  return response;
}

const std::string unbound = R"({"id_server_unbind_result":"success"})";
const std::string ended = R"({"name":"@bob:example.org","deactivated":true,"admin":false})";

TEST(Deactivation, IsWhatTheHomeserverSays) {
  EXPECT_TRUE(says_deactivated(by_oneself, answer(unbound)));
  EXPECT_TRUE(says_deactivated(by_oneself, answer("{}", "Application/JSON; charset=utf-8")));
  EXPECT_TRUE(says_deactivated(by_an_admin, answer(unbound)));
  EXPECT_TRUE(says_deactivated(of_an_account, answer(ended)));
  EXPECT_TRUE(says_deactivated(of_an_account, answer(ended, "application/json", 201)));
}

TEST(Deactivation, IsNotWhatSomethingElseSaysInItsPlace) {
  http::Response without_type = answer(unbound);
  without_type.headers.remove("Content-Type");
  for (const PassThroughRoute& route : {by_oneself, by_an_admin, of_an_account}) {
    for (const std::string& body :
         {std::string("<html>Down for maintenance</html>"), std::string(), std::string("[]"), std::string("\"ok\""),
          std::string(R"({"status":"ok"})"), unbound + unbound, std::string(R"({"id_server_unbind_result":true})")}) {
      EXPECT_FALSE(says_deactivated(route, answer(body))) << body;
      EXPECT_FALSE(says_deactivated(route, answer(body, "text/html"))) << body;
    }
    for (const std::string& body : {unbound, ended, std::string("{}")}) {
      EXPECT_FALSE(says_deactivated(route, answer(body, "text/html"))) << body;
      EXPECT_FALSE(says_deactivated(route, answer(body, "application/json", 401))) << body;
      EXPECT_FALSE(says_deactivated(route, answer(body, "application/json", 302))) << body;
    }
    EXPECT_FALSE(says_deactivated(route, without_type));
  }
  EXPECT_FALSE(says_deactivated(by_an_admin, answer("{}")));
}

TEST(Deactivation, IsOfTheUserWhoWasNamed) {
  for (const char* body :
       {R"({"name":"@eve:example.org","deactivated":true})", R"({"deactivated":true})", "{}",
        R"({"name":"@bob:example.org","deactivated":false})", R"({"name":"@bob:example.org"})",
        R"({"name":"@bob:example.org","deactivated":"true"})", R"({"id_server_unbind_result":"success"})"}) {
    EXPECT_FALSE(says_deactivated(of_an_account, answer(body))) << body;
  }
}

TEST(Deactivation, IsNotWhatEndsTokensAlone) {
  EXPECT_FALSE(says_deactivated({.revokes = Revokes::all_tokens, .administered = bob}, answer(unbound)));
  EXPECT_FALSE(says_deactivated({}, answer(unbound)));
}

}  // namespace
}  // namespace afterword::gateway
