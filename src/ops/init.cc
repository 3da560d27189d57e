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

Result<void, std::string> require_no_files(const InitialFiles& files) {
  for (const std::filesystem::path& path : {files.configuration_path, files.configuration.registration}) {
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
      return path.string() + " exists already, and is left as it is; move it away, or choose another --dir";
    }
  }
  return {};
}

Result<void, std::string> write_initial_files(const InitialFiles& files) {
  const std::filesystem::path& registration = files.configuration.registration;
  if (auto missing = require_no_files(files); !missing) return missing;

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

}  // namespace afterword::ops
