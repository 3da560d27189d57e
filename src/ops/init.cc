#include "ops/init.h"

#include "ops/configuration_keys.h"
#include "ops/files.h"
#include "ops/registration.h"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

namespace afterword::ops {
namespace {

constexpr std::string_view head =
    R"(# Afterword: delayed events for a Matrix homeserver.
#
# Every key stands here with its value. Take out an optional one, and it has its
# default. Durations: 500ms 10s 5m 24h 7d 2w. A limit of `none` is not enforced.
#
# After a change, `afterword check` says whether all is well; restart to apply it.
)";

std::string yaml_scalar(std::string_view text) {
  YAML::Emitter emitter;  // quotes where YAML would read something else
  emitter << std::string(text);
  return emitter.c_str();
}

// As the Reader sees it: of several settings of one key the last counts.
std::string_view value_of(const Key& key, const std::vector<Setting>& settings) {
  std::string_view value = key.standard;
  for (const Setting& setting : settings) {
    if (setting.key == key.name) value = setting.value;
  }
  return value;
}

std::string comment_of(const Key& key, std::string_view indent) {
  std::string comment;
  for (std::string_view rest = key.comment; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    comment += fmt::format("{}# {}\n", indent, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!key.required()) comment += fmt::format("{}# Default: {}\n", indent, key.standard);
  return comment;
}

std::string configuration_text(const std::vector<Setting>& settings) {
  std::string text(head);
  std::string_view section;
  for (const Key& key : keys()) {
    text += '\n';
    if (!key.section().empty() && key.section() != section) text += fmt::format("{}:\n", key.section());
    section = key.section();
    const std::string_view indent = section.empty() ? "" : "  ";
    text += comment_of(key, indent);
    text += fmt::format("{}{}: {}\n", indent, key.last_part(), yaml_scalar(value_of(key, settings)));
  }
  return text;
}

// Where a proxy on the same machine finds what listens there, as nginx writes it.
std::string for_a_proxy(http::Address address) {
  if (address.is_unix()) address.unix_path = std::filesystem::absolute(address.unix_path).lexically_normal().string();
  return to_text(reachable(std::move(address)));
}

}  // namespace

Result<InitialFiles, std::string> make_initial_files(const std::filesystem::path& folder,
                                                     const std::vector<Setting>& settings) {
  Result<Configuration, std::string> configuration = configuration_of(settings, folder);
  if (!configuration) return configuration.error();

  InitialFiles files;
  files.registration_text = registration_text(make_registration(), configuration->server_name);
  files.configuration = *std::move(configuration);
  files.configuration_path = folder / "afterword.yaml";
  files.configuration_text = configuration_text(settings);
  return files;
}

Result<void, std::string> write_initial_files(const InitialFiles& files) {
  const std::filesystem::path& registration = files.configuration.registration;
  for (const std::filesystem::path& path : {files.configuration_path, registration}) {
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
      return path.string() + " exists already, and is left as it is; move it away, or choose another --dir";
    }
  }

  std::error_code error;
  const std::filesystem::path folder = files.configuration_path.parent_path();
  std::filesystem::create_directories(folder.empty() ? "." : folder, error);
  if (error) return "cannot make the folder " + folder.string() + ": " + error.message();

  Result<void, std::error_code> written = write_new_file(registration, files.registration_text);
  if (!written) return "cannot make " + registration.string() + ": " + written.error().message();
  written = write_new_file(files.configuration_path, files.configuration_text);
  if (written) return {};
  std::filesystem::remove(registration, error);
  return "cannot make " + files.configuration_path.string() + ": " + written.error().message();
}

std::string next_steps(const InitialFiles& files) {
  return fmt::format(
      R"(Made {configuration}
 and {registration}

1. Make Afterword known to the homeserver, then restart the homeserver.

   Synapse, in homeserver.yaml:
       app_service_config_files:
         - {registration}

   Dendrite, in dendrite.yaml:
       app_service_api:
         config_files:
           - {registration}

   The file holds secrets and is readable by you alone. If the homeserver runs as
   another user, share it through a group: chgrp and chmod 640.

2. See whether all is well:
       afterword check --config {configuration}

3. Start it:
       afterword serve --config {configuration}

4. Send the clients to it. In nginx, beside what you have for the homeserver:
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

5. See whether all comes to it that must, at the address that clients use:
       afterword check --config {configuration} --public https://{server_name}
)",
      fmt::arg("configuration", std::filesystem::absolute(files.configuration_path).lexically_normal().string()),
      fmt::arg("registration", std::filesystem::absolute(files.configuration.registration).lexically_normal().string()),
      fmt::arg("address", for_a_proxy(files.configuration.listen.front())),
      fmt::arg("server_name", files.configuration.server_name));
}

}  // namespace afterword::ops
