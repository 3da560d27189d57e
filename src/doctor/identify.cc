#include "doctor/identify.h"

#include "base/text.h"
#include "doctor/ask.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

namespace afterword::doctor {
namespace {

using async::Task;

const Question keys{.target = "/_matrix/key/v2/server"};
const Question well_known_server{.target = "/.well-known/matrix/server"};
const Question well_known_client{.target = "/.well-known/matrix/client"};
const Question auth_metadata{.target = "/_matrix/client/v1/auth_metadata"};

std::vector<Question> all_questions() {
  std::vector<Question> questions = questions_about_product();
  for (const Question& more : {keys, well_known_server, well_known_client, auth_metadata}) questions.push_back(more);
  return questions;
}

// Its keys are signed with it. Without federation it may still say where its name leads to.
std::optional<std::string> server_name_in(const Evidence& evidence) {
  const std::string signed_name = evidence.answer(keys).string("server_name");
  if (!signed_name.empty()) return signed_name;
  std::string delegated = evidence.answer(well_known_server).string("m.server");
  constexpr std::string_view usual_port = ":443";
  if (delegated.ends_with(usual_port)) delegated.resize(delegated.size() - usual_port.size());
  return delegated.empty() ? std::nullopt : std::optional(delegated);
}

std::string public_url_in(const Evidence& evidence) {
  const json::object* const homeserver = object_member(evidence.answer(well_known_client).body, "m.homeserver");
  std::string url = homeserver != nullptr ? string_member(*homeserver, "base_url").value_or("") : "";
  while (url.ends_with('/')) url.pop_back();
  return http::Origin::parse(url) ? url : "";
}

}  // namespace

Proxy proxy_of(const http::Headers& headers) {
  constexpr std::pair<std::string_view, Proxy> known[] = {
      {"nginx", Proxy::nginx},    {"openresty", Proxy::nginx},    {"caddy", Proxy::caddy},  {"haproxy", Proxy::another},
      {"apache", Proxy::another}, {"cloudflare", Proxy::another}, {"envoy", Proxy::another}};
  for (const http::Header& header : headers) {
    if (!http::equal_ignoring_case(header.name, "Server") && !http::equal_ignoring_case(header.name, "Via")) continue;
    const std::string value = to_lower(header.value);
    for (const auto& [name, proxy] : known) {
      if (value.find(name) != std::string::npos) return proxy;
    }
  }
  return Proxy::unknown;
}

Identity identity_of(const Evidence& evidence) {
  const Answer& versions = evidence.answer(product_questions::versions);
  Identity identity;
  if (versions.status == 0) {
    identity.no_answer = versions.reason;
    return identity;
  }
  if (versions.status != 200 || !versions.body.contains("versions")) {
    identity.no_answer = fmt::format("it answers {}, but not as a homeserver does", versions.status);
    return identity;
  }
  identity.product = product_of(evidence);
  identity.server_name = server_name_in(evidence);
  identity.has_delayed_events = has_delayed_events(versions.body);
  identity.delegates_tokens = evidence.answer(auth_metadata).body.contains("issuer");
  identity.is_behind_proxy = proxy_of(versions.headers) != Proxy::unknown;
  identity.public_url = public_url_in(evidence);
  return identity;
}

Task<Identity> identify(async::Executor executor, const ops::Configuration& configuration) {
  Evidence evidence(configuration);
  const std::vector<Question> questions = all_questions();
  Asker asker(executor, configuration);
  for (const Question& question : questions) {
    std::vector<Answer> answers = co_await asker.ask(question);
    const bool is_away = answers.front().status == 0;
    evidence.add(question, std::move(answers));
    if (is_away) break;
  }
  asker.close();
  Identity identity = identity_of(evidence);
  if (identity.public_url.empty()) co_return identity;

  ops::Configuration at_public_address = configuration;
  at_public_address.homeserver = *http::Origin::parse(identity.public_url);
  Asker client(executor, at_public_address);
  const std::vector<Answer> answers = co_await client.ask(product_questions::versions);
  client.close();
  identity.proxy = proxy_of(answers.front().headers);
  co_return identity;
}

}  // namespace afterword::doctor
