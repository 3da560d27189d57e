#include "ops/registration.h"

#include "base/encoding.h"
#include "ops/files.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <system_error>
#include <utility>

namespace afterword::ops {
namespace {

std::string random_token() {
  std::array<std::uint8_t, 32> bytes;
  fill_random(bytes);
  return to_base64url(bytes);
}

std::string escape_regex(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (std::string_view(R"(\^$.|?*+()[]{})").find(letter) != std::string_view::npos) escaped += '\\';
    escaped += letter;
  }
  return escaped;
}

// What cannot be read is left out; the homeserver refuses such a file.
std::vector<UserNamespace> read_users(const YAML::Node& namespaces) {
  std::vector<UserNamespace> read;
  if (!namespaces.IsDefined() || !namespaces.IsMap()) return read;
  const YAML::Node users = namespaces["users"];
  if (!users.IsDefined() || !users.IsSequence()) return read;
  for (const YAML::Node& one : users) {
    if (!one.IsMap() || !one["regex"].IsDefined() || !one["regex"].IsScalar()) continue;
    UserNamespace& user = read.emplace_back();
    user.regex = one["regex"].Scalar();
    if (const YAML::Node exclusive = one["exclusive"]; exclusive.IsDefined() && exclusive.IsScalar()) {
      YAML::convert<bool>::decode(exclusive, user.exclusive);
    }
  }
  return read;
}

// Under the name that a proposal gives it, or under the one that it has until then.
std::string text_at(const YAML::Node& root, const std::string& prefix, const std::string& name) {
  for (const std::string& full_name : {prefix + name, name}) {
    const YAML::Node value = root[full_name];
    if (value.IsDefined() && value.IsScalar()) return value.Scalar();
  }
  return "";
}

bool has_joined_scope(const YAML::Node& root) {
  for (const char* name : {"io.element.msc4502.scopes", "scopes"}) {
    const YAML::Node scopes = root[name];
    if (!scopes.IsDefined() || !scopes.IsSequence()) continue;
    for (const YAML::Node& scope : scopes) {
      if (!scope.IsScalar()) continue;
      const std::string& text = scope.Scalar();
      if (text == "urn:matrix:client:io.element.msc4502:rooms:is_joined") return true;
      if (text == "urn:matrix:client:rooms:is_joined") return true;
    }
  }
  return false;
}

}  // namespace

bool is_token(std::string_view text) {
  constexpr std::size_t most = 4096;
  const auto is_visible = [](char letter) { return letter > ' ' && letter <= '~'; };
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, is_visible);
}

Registration make_registration() { return {.as_token = random_token(), .hs_token = random_token()}; }

std::string registration_text(const Registration& registration, std::string_view server_name) {
  // In single quotes a backslash is itself; a server name has no quote.
  return fmt::format(R"(# Afterword's registration with the homeserver. Both read this file; its tokens are secrets.
id: afterword
url: null
as_token: "{}"
hs_token: "{}"
sender_localpart: _afterword
rate_limited: true
namespaces:
  users:
    - regex: '@.*:{}'
      exclusive: false
  aliases: []
  rooms: []
)",
                     registration.as_token, registration.hs_token, escape_regex(server_name));
}

Result<Registration, std::string> read_registration(const std::filesystem::path& path) {
  const auto wrong = [&](const std::string& what) {
    // In place, because a Registration can be made of a string too.
    return Result<Registration, std::string>(boost::system::in_place_error, path.string() + ": " + what);
  };
  const Result<std::string, Unreadable> text = read_text_file(path);
  if (!text) return wrong(text.error().reason + "; name the file that `afterword init` made, readable by Afterword");

  Registration registration;
  try {
    const YAML::Node root = YAML::Load(*text);
    const std::pair<const char*, std::string*> tokens[] = {{"as_token", &registration.as_token},
                                                           {"hs_token", &registration.hs_token}};
    for (const auto& [name, token] : tokens) {
      if (root.IsMap() && root[name].IsDefined() && root[name].IsScalar()) *token = root[name].Scalar();
      if (token->empty()) return wrong(fmt::format("has no {}; make a new one with `afterword init`", name));
      if (!is_token(*token)) {
        return wrong(
            fmt::format("its {} is no token, which is one word of at most 4096 letters of ASCII; make a new one "
                        "with `afterword init`",
                        name));
      }
    }
    if (registration.as_token == registration.hs_token) {
      return wrong(
          "its as_token and its hs_token are one, so whoever hears the one has the other; make a new one with "
          "`afterword init`");
    }
    if (const YAML::Node limited = root["rate_limited"]; limited.IsDefined() && limited.IsScalar()) {
      YAML::convert<bool>::decode(limited, registration.rate_limited);
    }
    const YAML::Node url = root["url"];
    registration.has_url = url.IsDefined() && url.IsScalar() && !url.Scalar().empty();
    registration.users = read_users(root["namespaces"]);
  } catch (const YAML::Exception& error) {
    // Without the parser's own words, which may quote the file.
    return wrong(fmt::format("line {} is not YAML; make a new one with `afterword init`", error.mark.line + 1));
  }
  return registration;
}

Result<gateway::SidecarRegistration, std::string> read_sidecar_registration(const std::filesystem::path& path) {
  const auto wrong = [&](const std::string& what) {
    return Result<gateway::SidecarRegistration, std::string>(boost::system::in_place_error,
                                                             path.string() + ": " + what);
  };
  const Result<std::string, Unreadable> text = read_text_file(path);
  if (!text) return wrong(text.error().reason + "; name the registration of the service, readable by Afterword");
  const std::string prefix = "io.element.msc4512.";
  gateway::SidecarRegistration registration;
  try {
    const YAML::Node root = YAML::Load(*text);
    if (!root.IsMap()) return wrong("is no registration; write it as the documents of the service do");
    registration.as_token = text_at(root, "", "as_token");
    registration.hs_token = text_at(root, "", "hs_token");
    if (!is_token(registration.as_token) || !is_token(registration.hs_token)) {
      return wrong("has no as_token and hs_token, of one word each; write both");
    }
    if (text_at(root, prefix, "proxy_prefix") != "rtc/livekit") {
      return wrong("its " + prefix +
                   "proxy_prefix is not rtc/livekit, which is all that Afterword passes on; write that");
    }
    Result<http::Origin, std::string> url = http::Origin::parse(text_at(root, prefix, "proxy_url"));
    if (!url) return wrong("its " + prefix + "proxy_url " + url.error() + "; write where the service listens");
    registration.url = *std::move(url);
    registration.may_ask_who_is_joined = has_joined_scope(root);
  } catch (const YAML::Exception& error) {
    // Without the parser's own words, which may quote the file.
    return wrong(fmt::format("line {} is not YAML; write it as the documents of the service do", error.mark.line + 1));
  }
  return registration;
}

}  // namespace afterword::ops
