#include "doctor/next_steps.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

namespace afterword::doctor {
namespace {

using Kind = Product::Kind;

std::string whole_path(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

// Where a proxy on the same machine finds what listens there, as nginx writes it.
std::string for_a_proxy(http::Address address) {
  if (address.is_unix()) address.unix_path = whole_path(address.unix_path);
  return to_text(ops::reachable(std::move(address)));
}

constexpr std::string_view synapse_lines = R"(
   Synapse, in homeserver.yaml:
       app_service_config_files:
         - {registration}
   and x_forwarded: true in the listener that homeserver.url leads to, so that it
   learns the addresses of clients.
)";

constexpr std::string_view dendrite_lines = R"(
   Dendrite, in dendrite.yaml:
       app_service_api:
         config_files:
           - {registration}
)";

constexpr std::string_view other_lines = R"(
   {product}: as the registration of an application service, in the way that its
   own documentation says.
       {registration}
)";

constexpr std::string_view own_delayed_events_lines = R"(
   Its own delayed events are on. Take max_event_delay_duration out of its
   configuration; before it starts again, `afterword import-synapse` takes over what
   is scheduled there (docs/moving.md), so that no call loses its leave events.
)";

constexpr std::string_view others_own_delayed_events_lines = R"(
   Its own delayed events are on. Switch them off in its configuration.
)";

constexpr std::string_view nginx_lines = R"(
       location ^~ /_matrix/client {{
         proxy_pass http://{address};
         proxy_http_version 1.1;
         proxy_set_header Host $host;
         proxy_set_header X-Forwarded-For $remote_addr;
         proxy_set_header X-Forwarded-Proto $scheme;
         proxy_buffering off;
         proxy_read_timeout 11m;
         client_max_body_size 50m;
       }}
)";

constexpr std::string_view caddy_lines = R"(
       handle /_matrix/client/* {{
         reverse_proxy {address}
       }}
)";

constexpr std::string_view token_lines = R"(
   Leave /login, /logout and /refresh with the authentication service (deploy/ has
   lines for that).
)";

std::string lines_for_homeserver(const Identity& identity) {
  std::vector<std::string_view> parts;
  const bool is_known = identity.no_answer.empty();
  const Kind kind = identity.product.kind;
  if (!is_known || kind == Kind::synapse) parts.push_back(synapse_lines);
  if (!is_known || kind == Kind::dendrite) parts.push_back(dendrite_lines);
  if (is_known && kind == Kind::other) parts.push_back(other_lines);
  if (identity.has_delayed_events) {
    parts.push_back(kind == Kind::synapse ? own_delayed_events_lines : others_own_delayed_events_lines);
  }
  return fmt::format("{}", fmt::join(parts, ""));
}

std::string lines_for_clients(Proxy proxy) {
  std::string lines = "4. Send the clients to it. ";
  switch (proxy) {
    case Proxy::nginx:
      lines += "nginx answers there; beside what you have for the homeserver:";
      return lines.append(nginx_lines);
    case Proxy::caddy:
      lines += "Caddy answers there; before what you have for the homeserver:";
      return lines.append(caddy_lines);
    case Proxy::another:
    case Proxy::unknown:
      break;
  }
  lines += "In nginx, beside what you have for the homeserver (deploy/\n   has HAProxy, Caddy and Traefik):";
  return lines.append(nginx_lines);
}

std::string lines_for_tokens(const Identity& identity) {
  if (!identity.delegates_tokens) return {};
  return std::string(token_lines);
}

std::string what_was_asked(const std::string& url, const Identity& identity) {
  if (!identity.no_answer.empty()) {
    return fmt::format("No homeserver answers at {} yet: {}.\n", url, identity.no_answer);
  }
  std::string text = fmt::format("At {} is {}", url, identity.product.name);
  if (identity.server_name) text += fmt::format(", of {}", *identity.server_name);
  text += ".\n";
  if (identity.is_behind_proxy) {
    text +=
        "A proxy answers there. Let homeserver.url be the homeserver's own address: what\n"
        "the proxy sends to Afterword must not come back to Afterword.\n";
  }
  return text;
}

}  // namespace

std::string next_steps(const ops::InitialFiles& files, const Identity& identity) {
  const std::string text = R"(Made {configuration}
 and {registration}

1. Make Afterword known to the homeserver, then restart the homeserver.
)" + lines_for_homeserver(identity) +
                           R"(
   The file holds secrets and is readable by you alone. If the homeserver runs as
   another user, share it through a group: chgrp and chmod 640.

2. See whether all is well:
       afterword check --config {configuration}

3. Start it:
       afterword serve --config {configuration}

)" + lines_for_clients(identity.proxy) +
                           lines_for_tokens(identity) + R"(
5. See whether all comes to it that must, at the address that clients use:
       afterword check --config {configuration} --public {public_url}
)";
  const std::string public_url =
      identity.public_url.empty() ? "https://" + files.configuration.server_name : identity.public_url;
  return what_was_asked(files.configuration.homeserver.url(), identity) +
         fmt::format(fmt::runtime(text), fmt::arg("configuration", whole_path(files.configuration_path)),
                     fmt::arg("registration", whole_path(files.configuration.registration)),
                     fmt::arg("address", for_a_proxy(files.configuration.listen.front())),
                     fmt::arg("product", identity.product.name), fmt::arg("public_url", public_url));
}

}  // namespace afterword::doctor
