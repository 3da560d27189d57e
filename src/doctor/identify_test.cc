// What the homeserver's answers say of it, as tables, and once over real connections.
#include "doctor/identify.h"

#include "async/task_group.h"
#include "http/server.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace afterword::doctor {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

Answer answer_of(int status, const std::string& text) {
  Answer answer{.status = status, .text = text};
  if (auto body = parse_json_object(text)) answer.body = *std::move(body);
  return answer;
}

Identity identity_with(const std::map<std::string, std::string>& answers, const http::Headers& headers = {}) {
  const ops::Configuration configuration;
  Evidence evidence(configuration);
  Answer versions = answer_of(200, R"({"versions": []})");
  if (const auto given = answers.find("/_matrix/client/versions"); given != answers.end()) {
    versions = answer_of(200, given->second);
  }
  versions.headers = headers;
  evidence.add(product_questions::versions, {versions});
  for (const auto& [target, text] : answers) evidence.add(Question{.target = target}, {answer_of(200, text)});
  return identity_of(evidence);
}

TEST(Identity, TheServersNameIsInItsKeys) {
  EXPECT_THAT(identity_with({{"/_matrix/key/v2/server", R"({"server_name": "example.org"})"},
                             {"/.well-known/matrix/server", R"({"m.server": "matrix.example.org:443"})"}})
                  .server_name,
              Optional(std::string("example.org")));
}

TEST(Identity, OrWhereTheServersNameLeadsTo) {
  const auto name = [](const std::string& text) {
    return identity_with({{"/.well-known/matrix/server", text}}).server_name;
  };
  EXPECT_THAT(name(R"({"m.server": "example.org:443"})"), Optional(std::string("example.org")));
  EXPECT_THAT(name(R"({"m.server": "example.org:8448"})"), Optional(std::string("example.org:8448")));
  EXPECT_FALSE(name("404"));
  EXPECT_FALSE(name(R"({"m.server": 5})"));
}

TEST(Identity, SaysWhatIsToBeDone) {
  const Identity plain = identity_with({});
  EXPECT_EQ(plain.product.kind, Product::Kind::other);
  EXPECT_FALSE(plain.has_delayed_events);
  EXPECT_FALSE(plain.delegates_tokens);
  EXPECT_FALSE(plain.is_behind_proxy);
  EXPECT_EQ(plain.public_url, "");

  const Identity all = identity_with(
      {{"/_matrix/client/versions", R"({"versions": [], "unstable_features": {"org.matrix.msc4140": true}})"},
       {"/_matrix/federation/v1/version", R"({"server": {"name": "Synapse", "version": "1.2"}})"},
       {"/_matrix/client/v1/auth_metadata", R"({"issuer": "https://auth.example.org/"})"},
       {"/.well-known/matrix/client", R"({"m.homeserver": {"base_url": "https://matrix.example.org/"}})"}},
      {{"Server", "nginx/1.22"}});
  EXPECT_EQ(all.product.kind, Product::Kind::synapse);
  EXPECT_EQ(all.product.name, "Synapse 1.2");
  EXPECT_TRUE(all.has_delayed_events);
  EXPECT_TRUE(all.delegates_tokens);
  EXPECT_TRUE(all.is_behind_proxy);
  EXPECT_EQ(all.public_url, "https://matrix.example.org");
}

TEST(Identity, IsNoAnswerWhereNoHomeserverIs) {
  EXPECT_THAT(identity_with({{"/_matrix/client/versions", "<html>"}}).no_answer, HasSubstr("not as a homeserver does"));
}

TEST(Identity, BelievesNoTextThatATerminalWouldObey) {
  EXPECT_EQ(
      identity_with({{"/_matrix/federation/v1/version", R"({"server": {"name": "\u001b[2JX", "version": "1\n2"}})"}})
          .product.name,
      "[2JX 12");
  EXPECT_EQ(
      identity_with({{"/.well-known/matrix/client", R"({"m.homeserver": {"base_url": "https://a b/"}})"}}).public_url,
      "");
}

TEST(Proxy, IsKnownByItsHeaders) {
  EXPECT_EQ(proxy_of({{"Server", "nginx"}}), Proxy::nginx);
  EXPECT_EQ(proxy_of({{"server", "openresty/1.21"}}), Proxy::nginx);
  EXPECT_EQ(proxy_of({{"Server", "Synapse/1.2"}, {"Via", "1.1 Caddy"}}), Proxy::caddy);
  EXPECT_EQ(proxy_of({{"Server", "Apache/2.4"}}), Proxy::another);
  EXPECT_EQ(proxy_of({{"Server", "Synapse/1.2"}, {"X-Anything", "nginx"}}), Proxy::unknown);
  EXPECT_EQ(proxy_of({}), Proxy::unknown);
}

// A homeserver and the proxy before it, which are asked as init does.
class IdentifyTest : public ::testing::Test {
 protected:
  async::Task<void> look(Identity& identity) {
    http::Server homeserver(io_.get_executor(), [this](http::Request request) { return answer(std::move(request)); });
    http::Server proxy(io_.get_executor(), [this](http::Request request) { return forward(std::move(request)); });
    if (!homeserver.listen({"127.0.0.1", 0}) || !proxy.listen({"127.0.0.1", 0})) throw std::runtime_error("listen");
    public_url_ = "http://127.0.0.1:" + std::to_string(proxy.port());
    ops::Configuration configuration;
    configuration.homeserver = {.host = "127.0.0.1", .port = homeserver.port()};
    configuration.listen = {{"127.0.0.1", 1}};
    identity = co_await identify(io_.get_executor(), configuration);
    co_await homeserver.drain(std::chrono::seconds(1));
    co_await proxy.drain(std::chrono::seconds(1));
  }

  async::asio::io_context io_;
  std::vector<std::string> headers_;  // with a token or a proof, that came

 private:
  async::Task<http::Response> answer(http::Request request) {
    for (const http::Header& header : request.headers) {
      if (header.name == "Authorization" || header.name == "Afterword-Check") headers_.emplace_back(header.name);
    }
    http::Response response{404, {}, "{}"};
    if (request.target == "/_matrix/client/versions") response = {200, {}, R"({"versions": []})"};
    if (request.target == "/_matrix/key/v2/server") response = {200, {}, R"({"server_name": "example.org"})"};
    if (request.target == "/.well-known/matrix/client") {
      response = {200, {}, R"({"m.homeserver": {"base_url": ")" + public_url_ + R"("}})"};
    }
    co_return response;
  }

  async::Task<http::Response> forward(http::Request request) {
    http::Response response = co_await answer(std::move(request));
    response.headers.add("Server", "nginx/1.22");
    co_return response;
  }

  std::string public_url_;
};

TEST_F(IdentifyTest, AsksTheHomeserverAndThenItsPublicAddress) {
  Identity identity;
  async::TaskGroup tasks(io_.get_executor());
  tasks.spawn("identify", look(identity));
  io_.run();
  EXPECT_EQ(identity.no_answer, "");
  EXPECT_THAT(identity.server_name, Optional(std::string("example.org")));
  EXPECT_FALSE(identity.is_behind_proxy);
  EXPECT_EQ(identity.proxy, Proxy::nginx);
  EXPECT_THAT(headers_, ::testing::IsEmpty());
}

}  // namespace
}  // namespace afterword::doctor
