#include "doctor/next_steps.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace afterword::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ops::InitialFiles files(const std::string& listen = "127.0.0.1:8009") {
  const std::vector<ops::Setting> settings = {{"homeserver.server_name", "example.org", ""},
                                              {"homeserver.url", "http://127.0.0.1:8008", ""},
                                              {"listen", listen, ""}};
  auto made = ops::make_initial_files("/etc/afterword", settings);
  if (!made) throw std::runtime_error(made.error());
  return *std::move(made);
}

Identity synapse() {
  Identity identity;
  identity.product = {Product::Kind::synapse, "Synapse 1.2"};
  identity.server_name = "example.org";
  return identity;
}

TEST(NextSteps, NameTheFilesAndNoSecret) {
  const ops::InitialFiles made = files("0.0.0.0:8010");
  const std::string text = next_steps(made, synapse());
  EXPECT_THAT(text, StartsWith("At http://127.0.0.1:8008 is Synapse 1.2, of example.org.\nMade /etc/afterword/"));
  EXPECT_THAT(text, HasSubstr("- /etc/afterword/afterword-registration.yaml"));
  EXPECT_THAT(text, HasSubstr("afterword serve --config /etc/afterword/afterword.yaml"));
  EXPECT_THAT(text, HasSubstr("proxy_pass http://127.0.0.1:8010;"));
  EXPECT_THAT(text, HasSubstr("--public https://example.org\n"));
  for (const std::string token : {"as_token", "hs_token"}) {
    const std::size_t at = made.registration_text.find(token + ": \"") + token.size() + 3;
    EXPECT_THAT(text, Not(HasSubstr(made.registration_text.substr(at, 43))));
  }
}

TEST(NextSteps, NameAUnixSocketAsNginxDoes) {
  EXPECT_THAT(next_steps(files("unix:afterword.sock, 127.0.0.1:8010"), synapse()),
              HasSubstr("proxy_pass http://unix:/etc/afterword/afterword.sock;"));
}

TEST(NextSteps, AreThoseForThisHomeserver) {
  EXPECT_THAT(next_steps(files(), synapse()),
              AllOf(HasSubstr("app_service_config_files"), HasSubstr("x_forwarded: true"),
                    Not(HasSubstr("dendrite.yaml")), Not(HasSubstr("delayed events are on"))));
  Identity dendrite = synapse();
  dendrite.product = {Product::Kind::dendrite, "Dendrite"};
  EXPECT_THAT(next_steps(files(), dendrite), AllOf(HasSubstr("app_service_api"), Not(HasSubstr("homeserver.yaml"))));
  Identity other = synapse();
  other.product = {Product::Kind::other, "Conduit {0.1}"};
  EXPECT_THAT(next_steps(files(), other),
              AllOf(HasSubstr("Conduit {0.1}: as the registration of an application service"),
                    HasSubstr("/etc/afterword/afterword-registration.yaml\n"), Not(HasSubstr("homeserver.yaml"))));
}

TEST(NextSteps, AreThoseForAllWithoutAnAnswer) {
  const Identity none{.no_answer = "Connection refused"};
  EXPECT_THAT(next_steps(files(), none),
              AllOf(StartsWith("No homeserver answers at http://127.0.0.1:8008 yet: Connection refused.\n"),
                    HasSubstr("homeserver.yaml"), HasSubstr("dendrite.yaml")));
}

TEST(NextSteps, TakeOverWhatSynapseHasScheduled) {
  Identity identity = synapse();
  identity.has_delayed_events = true;
  EXPECT_THAT(next_steps(files(), identity),
              AllOf(HasSubstr("max_event_delay_duration"), HasSubstr("import-synapse"), HasSubstr("docs/moving.md")));
  identity.product.kind = Product::Kind::other;
  EXPECT_THAT(next_steps(files(), identity),
              AllOf(HasSubstr("delayed events are on"), Not(HasSubstr("import-synapse"))));
}

TEST(NextSteps, AreThoseForThisProxy) {
  Identity identity = synapse();
  identity.public_url = "https://matrix.example.org";
  EXPECT_THAT(next_steps(files(), identity), AllOf(HasSubstr("HAProxy, Caddy and Traefik"), HasSubstr("proxy_pass"),
                                                   HasSubstr("--public https://matrix.example.org\n")));
  identity.proxy = Proxy::nginx;
  EXPECT_THAT(next_steps(files(), identity),
              AllOf(HasSubstr("nginx answers there"), HasSubstr("proxy_pass"), Not(HasSubstr("Traefik"))));
  identity.proxy = Proxy::caddy;
  EXPECT_THAT(next_steps(files(), identity),
              AllOf(HasSubstr("handle /_matrix/client/* {\n         reverse_proxy 127.0.0.1:8009\n"),
                    Not(HasSubstr("proxy_pass"))));
  identity.delegates_tokens = true;
  EXPECT_THAT(next_steps(files(), identity), HasSubstr("authentication service"));
  identity.is_behind_proxy = true;
  EXPECT_THAT(next_steps(files(), identity), HasSubstr("A proxy answers there."));
}

}  // namespace
}  // namespace afterword::doctor
