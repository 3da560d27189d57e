#include "doctor/public_check.h"

#include "async/task_group.h"
#include "doctor/public_routes.h"
#include "gateway/arrival.h"
#include "gateway/routes.h"
#include "http/server.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace afterword::doctor {
namespace {

using namespace std::chrono_literals;
using public_routes::Route;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Matcher;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

namespace routes = public_routes;

bool is_loopback(const std::string& address) { return address == "127.0.0.1"; }

// A proxy with an Afterword behind it, and a homeserver, all at one address.
class PublicCheckTest : public ::testing::Test {
 protected:
  PublicCheckTest() {
    configuration_.as_token = "secret";
    address_.long_poll = 300ms;
  }

  std::vector<Finding> findings() {
    http::Server server(io_.get_executor(), [this](http::Request request) { return answer(std::move(request)); });
    if (!server.listen({"127.0.0.1", 0})) throw std::runtime_error("cannot listen");
    configuration_.homeserver = {.host = "127.0.0.1", .port = server.port()};
    address_.origin = {.host = "127.0.0.1", .port = is_listening ? server.port() : std::uint16_t{1}};
    std::vector<Finding> found;
    async::TaskGroup tasks(io_.get_executor());
    tasks.spawn("check", look(server, found));
    io_.restart();
    io_.run();
    return found;
  }

  bool is_listening = true;
  // What the proxy does with a request; nothing: it passes it on.
  std::function<std::optional<http::Response>(http::Request&)> proxy = [](http::Request&) { return std::nullopt; };
  std::string forwarded_for = "198.51.100.7";  // as the proxy says it; empty: it says nothing
  std::string auth_metadata;
  http::Response for_clients = refused();  // who have no proof
  std::string encoding;                    // of the proxy's answers
  std::chrono::milliseconds patience = 10s;

  static http::Response refused() { return {401, {}, R"({"errcode": "M_MISSING_TOKEN"})"}; }
  static Matcher<Finding> is(Verdict verdict, Matcher<std::string> detail, Matcher<std::string> fix) {
    return AllOf(Field(&Finding::name, "public"), Field(&Finding::verdict, verdict), Field(&Finding::detail, detail),
                 Field(&Finding::fix, fix));
  }

  ops::Configuration configuration_;
  PublicAddress address_;

 private:
  async::Task<void> look(http::Server& server, std::vector<Finding>& found) {
    found = co_await check_public(io_.get_executor(), configuration_, address_);
    co_await server.drain(1s);
  }

  async::Task<http::Response> answer(http::Request request) {
    if (request.target == "/_matrix/client/v1/auth_metadata") {
      co_return http::Response{auth_metadata.empty() ? 404 : 200, {}, auth_metadata};
    }
    if (!forwarded_for.empty()) request.headers.set("X-Forwarded-For", forwarded_for);
    if (auto own = proxy(request)) co_return *std::move(own);
    request.client = http::client_address(request, is_loopback);
    const auto proof = request.headers.find(gateway::arrival_header);
    const auto key = gateway::arrival_key("secret");
    async::SystemClock clock(io_.get_executor());
    auto question = proof ? gateway::read_arrival_proof(key, *proof, clock.wall_now()) : std::nullopt;
    if (!question) co_return for_clients;
    if (question->wait > patience) co_return http::Response{504, {}, ""};
    const bool is_trusted = request.peer == "127.0.0.1";
    EXPECT_TRUE(is_trusted);
    http::Response response =
        co_await gateway::tell_arrival(clock, std::move(request), *std::move(question), is_loopback);
    if (!encoding.empty()) response.headers.add("Content-Encoding", encoding);
    co_return response;
  }

  async::asio::io_context io_;
};

constexpr std::string_view all_is_well = "all 31 kinds of requests about delayed events come through http://127.0.0.1:";

TEST_F(PublicCheckTest, AllIsWell) {
  EXPECT_THAT(findings(), ElementsAre(is(Verdict::ok, StartsWith(std::string(all_is_well)), IsEmpty())));
}

TEST_F(PublicCheckTest, NamesEachRouteThatGoesAstray) {
  const auto names = [this](std::span<const Route> routes, Verdict verdict) {
    for (const Route& route : routes) {
      std::string astray(route.path);
      for (const auto& [part, value] :
           {std::pair("{room}", "%21check%3Aexample.org"), std::pair("{event}", "org.example.check%2Fa%25b")}) {
        for (std::size_t at; (at = astray.find(part)) != std::string::npos;) {
          astray.replace(at, std::string_view(part).size(), value);
        }
      }
      proxy = [&](http::Request& request) {
        const bool goes_astray = request.method == route.method && request.target == astray;
        return goes_astray ? std::optional(refused()) : std::nullopt;
      };
      const std::string name = std::string(route.method) + " " + std::string(route.path);
      EXPECT_THAT(findings(),
                  ElementsAre(is(verdict, name + " does not come to Afterword: answered 401 M_MISSING_TOKEN",
                                 StartsWith("send it to Afterword"))));
    }
  };
  names(routes::delayed_events, Verdict::failed);
  names(routes::with_delay, Verdict::failed);
  names(routes::announcements, Verdict::failed);
  names(routes::log_outs, Verdict::warning);
  names(routes::ends_of_tokens, Verdict::warning);
}

TEST_F(PublicCheckTest, SaysOnceThatNothingComes) {
  proxy = [](http::Request&) { return std::optional(refused()); };
  EXPECT_THAT(findings(),
              ElementsAre(is(Verdict::failed, StartsWith("nothing that http://127.0.0.1:"), HasSubstr("deploy/"))));
  proxy = {[](http::Request&) { return std::nullopt; }};
  configuration_.as_token = "another";
  EXPECT_THAT(findings(), ElementsAre(is(Verdict::failed, StartsWith("nothing that"), HasSubstr("one registration"))));
  is_listening = false;
  EXPECT_THAT(findings(),
              ElementsAre(is(Verdict::failed, StartsWith("no answer from http://127.0.0.1:1: "), HasSubstr("URL"))));
}

TEST_F(PublicCheckTest, NoCacheMayAnswerClients) {
  for_clients = {200, {}, R"({"versions": ["v1.1"], "unstable_features": {"org.matrix.msc4140": false}})"};
  EXPECT_THAT(findings().at(1), is(Verdict::failed, HasSubstr("a cache answers in its place"), HasSubstr("purge")));
  for_clients.body = R"({"versions": ["v1.1"], "unstable_features": {"org.matrix.msc4140": true}})";
  EXPECT_THAT(findings(), SizeIs(1));
}

TEST_F(PublicCheckTest, LogOutsMayBeAnAuthenticationServices) {
  auth_metadata = R"({"issuer": "https://auth.example.org/"})";
  proxy = [](http::Request& request) {
    return request.target.find("/logout") != std::string::npos ? std::optional(refused()) : std::nullopt;
  };
  EXPECT_THAT(findings(),
              ElementsAre(is(Verdict::ok, StartsWith("all 29 kinds"), IsEmpty()),
                          is(Verdict::ok, StartsWith("log-outs are the authentication service's"), IsEmpty())));
}

TEST_F(PublicCheckTest, WhatShowsEventsMayGoPast) {
  std::string_view past = "/sync";
  proxy = [&](http::Request& request) {
    const bool shows =
        request.target.find("/sync") != std::string::npos || request.target.find("/messages") != std::string::npos;
    return shows && request.target.find(past) != std::string::npos ? std::optional(refused()) : std::nullopt;
  };
  EXPECT_THAT(findings().at(1),
              is(Verdict::warning,
                 AllOf(HasSubstr("GET /_matrix/client/v3/sync"), HasSubstr("POST "), Not(HasSubstr("messages"))),
                 HasSubstr("all of it")));
  past = "/_matrix";
  EXPECT_THAT(findings(), ElementsAre(is(Verdict::ok, StartsWith("all "), IsEmpty()),
                                      is(Verdict::ok, HasSubstr("unsigned.delay_id is not in it"), IsEmpty())));
}

TEST_F(PublicCheckTest, APathMustArriveAsItIs) {
  proxy = [](http::Request& request) {
    const std::size_t encoded = request.target.find("%2F");
    if (encoded != std::string::npos) request.target.replace(encoded, 3, "/");
    return std::nullopt;
  };
  EXPECT_THAT(findings(), ::testing::Contains(is(
                              Verdict::failed,
                              AllOf(HasSubstr("check%2Fa"), HasSubstr(" comes to Afterword as "), HasSubstr("check/a")),
                              HasSubstr("proxy_pass without a path"))));
}

TEST_F(PublicCheckTest, TheHostMustArrive) {
  proxy = [](http::Request& request) {
    request.headers.set("Host", "afterword");
    return std::nullopt;
  };
  EXPECT_THAT(findings(), ElementsAre(is(Verdict::ok, StartsWith("all "), IsEmpty()),
                                      is(Verdict::failed, StartsWith("Host arrives as afterword, not as 127.0.0.1:"),
                                         HasSubstr("Host $host"))));
  proxy = [](http::Request& request) {
    request.headers.set("Host", "127.0.0.1");
    return std::nullopt;
  };
  EXPECT_THAT(findings(), SizeIs(1));
}

TEST_F(PublicCheckTest, TheClientsAddressMustArriveAndBeNobodysInvention) {
  forwarded_for = "192.0.2.77, 198.51.100.7";
  EXPECT_THAT(findings().at(1), is(Verdict::warning, StartsWith("X-Forwarded-For begins with what clients say"),
                                   HasSubstr("$remote_addr")));
  forwarded_for = "192.0.2.77";
  EXPECT_THAT(findings().at(1),
              is(Verdict::failed, StartsWith("X-Forwarded-For is what clients say it is"), HasSubstr("$remote_addr")));
  proxy = [](http::Request& request) {
    request.headers.remove("X-Forwarded-For");
    return std::nullopt;
  };
  EXPECT_THAT(findings().at(1),
              is(Verdict::failed, StartsWith("X-Forwarded-For is missing"), HasSubstr("$remote_addr")));
}

TEST_F(PublicCheckTest, SomebodyShouldCompress) {
  proxy = [](http::Request& request) {
    request.headers.remove("Accept-Encoding");
    return std::nullopt;
  };
  EXPECT_THAT(findings().at(1), is(Verdict::warning, StartsWith("nobody compresses"), HasSubstr("Accept-Encoding")));
  encoding = "gzip";
  EXPECT_THAT(findings().at(0), is(Verdict::ok, StartsWith("all "), IsEmpty()));
}

TEST_F(PublicCheckTest, BodiesMustNotBeRefused) {
  std::size_t most = 5'000'000;
  proxy = [&](http::Request& request) {
    return request.body.size() > most ? std::optional(http::Response{413, {}, "<html>"}) : std::nullopt;
  };
  EXPECT_THAT(findings().at(1),
              is(Verdict::warning, AllOf(HasSubstr("10 MiB"), HasSubstr("413")), HasSubstr("client_max_body_size")));
  most = 60'000;
  EXPECT_THAT(findings().at(1), is(Verdict::failed, HasSubstr("64 KiB"), HasSubstr("client_max_body_size")));
}

TEST_F(PublicCheckTest, ALongPollMustBeWaitedFor) {
  patience = 100ms;
  EXPECT_THAT(findings().at(1),
              is(Verdict::failed, AllOf(StartsWith("a long poll of 0.3 s is given up"), HasSubstr("answered 504")),
                 HasSubstr("proxy_read_timeout")));
}

// What Afterword makes of a route.
gateway::Route route_of(const Route& route) {
  return gateway::find_route(route.method, http::Target::parse(route.path).value());
}

TEST(PublicRoutes, AreThoseThatAfterwordKnows) {
  for (const Route& route : routes::delayed_events) {
    const gateway::Route found = route_of(route);
    EXPECT_FALSE(std::holds_alternative<gateway::PassThroughRoute>(found) ||
                 std::holds_alternative<gateway::UnrecognizedRoute>(found) ||
                 std::holds_alternative<gateway::MethodNotAllowedRoute>(found))
        << route.path;
  }
  for (const Route& route : routes::with_delay)
    EXPECT_TRUE(std::holds_alternative<gateway::ScheduleRoute>(route_of(route))) << route.path;
  for (const Route& route : routes::announcements) {
    const gateway::Route found = route_of(route);
    EXPECT_TRUE(std::holds_alternative<gateway::VersionsRoute>(found) ||
                std::holds_alternative<gateway::CapabilitiesRoute>(found))
        << route.path;
  }
  for (const std::span<const Route> ends :
       {std::span<const Route>(routes::log_outs), std::span<const Route>(routes::ends_of_tokens)}) {
    for (const Route& route : ends)
      EXPECT_NE(std::get<gateway::PassThroughRoute>(route_of(route)).revokes, gateway::Revokes::nothing) << route.path;
  }
}

}  // namespace
}  // namespace afterword::doctor
