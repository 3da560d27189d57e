#include "ops/load_configuration.h"

#include "base/text.h"
#include "ops/configuration_keys.h"
#include "ops/files.h"
#include "ops/registration.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace afterword::ops {
namespace {

// A value and where it was given, as errors name that.
struct Given {
  std::optional<std::string> value;  // nothing: it cannot be used, which has been said
  std::string where;
};

// Gathers the values of all sources, and everything that is wrong with them.
class Reader {
 public:
  // `file`: how errors name it; empty if there is none.
  Reader(std::string file, std::filesystem::path folder) : file_(std::move(file)), folder_(std::move(folder)) {}

  // False if it is no configuration at all, so that there is no use in looking further.
  bool read_file(const std::string& text) {
    try {
      const YAML::Node root = YAML::Load(text);
      if (root.IsMap()) read_section(root, "");
      if (root.IsMap() || root.IsNull()) return true;
      report(place(root.Mark()), "is no configuration; write KEY: VALUE lines, as `afterword init` does");
    } catch (const YAML::Exception& error) {
      report(place(error.mark), "is not YAML: " + error.msg + "; look at that line and the one before it");
    }
    return false;
  }

  // A setting goes before the file, and before earlier settings.
  void read_setting(const Setting& setting) {
    if (find_key(setting.key) != nullptr) {
      given_[setting.key] = {setting.value, setting.shown};
    } else {
      report_unknown(setting.shown, setting.key);
    }
  }

  // Takes what was given, and the standard values of the other keys.
  Configuration take_all() {
    Configuration configuration;
    for (const Key& key : keys()) take(key, configuration);
    configuration.where_listen = where("listen");
    configuration.where_operations_listen = where("ops.listen");
    configuration.where_database = where("database");
    return configuration;
  }

  void report(std::string_view where, std::string_view what) { errors_.push_back(fmt::format("{}: {}", where, what)); }
  const std::vector<std::string>& errors() const { return errors_; }

  std::string where(std::string_view key) const {
    const auto given = given_.find(key);
    if (given != given_.end()) return given->second.where;
    return file_.empty() ? std::string(key) : fmt::format("{}: {}", file_, key);
  }

 private:
  void read_section(const YAML::Node& section, const std::string& prefix) {
    for (const auto& entry : section) {
      if (entry.first.IsScalar()) {
        read_entry(prefix + entry.first.Scalar(), place(entry.first.Mark()), entry.second);
      } else {
        report(place(entry.first.Mark()), "is not a key; write KEY: VALUE");
      }
    }
  }

  void read_entry(const std::string& name, const std::string& line, const YAML::Node& value) {
    const std::string where = fmt::format("{}: {}", line, name);
    const bool at_top = name.find('.') == std::string::npos;
    if (const Key* key = find_key(name)) {
      read_value(*key, where, value);
    } else if (at_top && value.IsMap()) {
      read_section(value, name + ".");
    } else if (!is_section(name)) {
      report_unknown(where, name);
    } else if (!value.IsNull()) {
      report(where, "is a section; write its keys below it, indented, a line each");
    }
  }

  void read_value(const Key& key, const std::string& where, const YAML::Node& value) {
    const auto [given, first] = given_.try_emplace(std::string(key.name), Given{std::nullopt, where});
    if (!first) {
      report(where, "stands here a second time; keep one of the two");
    } else if (value.IsScalar()) {
      given->second.value = value.Scalar();
    } else if (key.is_list && is_list(value)) {
      given->second.value = fmt::format("{}", fmt::join(value.as<std::vector<std::string>>(), ","));
    } else if (value.IsNull()) {
      report(where, key.required() ? fmt::format("has no value; write one, as {}", key.example)
                                   : fmt::format("has no value; write one, or take out the key for {}", key.standard));
    } else {
      report(where, "is not a single value; write one, in quotes if it holds brackets or braces");
    }
  }

  // What is joined must come apart again.
  static bool is_list(const YAML::Node& value) {
    return value.IsSequence() && value.size() > 0 && std::ranges::all_of(value, [](const YAML::Node& part) {
             return part.IsScalar() && part.Scalar().find(',') == std::string::npos;
           });
  }

  void take(const Key& key, Configuration& configuration) {
    const auto given = given_.find(key.name);
    if (given == given_.end() && key.required()) {
      report(where(key.name), fmt::format("is missing; add it, as {}", key.example));
      return;
    }
    const std::optional<std::string> value = given == given_.end() ? std::string(key.standard) : given->second.value;
    if (!value) return;
    if (std::ranges::any_of(*value, is_control)) {
      report(where(key.name), "holds a control character; take it out, or write the value in one line");
      return;
    }
    const Result<void, std::string> taken = key.take(*value, folder_, configuration);
    if (!taken) report(where(key.name), taken.error());
  }

  void report_unknown(std::string_view where, std::string_view name) {
    const Key* nearest = nearest_key(name);
    report(where, nearest != nullptr ? fmt::format("is not a key of Afterword; did you mean {}?", nearest->name)
                                     : "is not a key of Afterword; take it out");
  }

  std::string place(const YAML::Mark& mark) const {
    return mark.is_null() ? file_ : fmt::format("{}:{}", file_, mark.line + 1);
  }

  std::string file_;
  std::filesystem::path folder_;
  std::map<std::string, Given, std::less<>> given_;
  std::vector<std::string> errors_;
};

bool holds_a_password(const Database& database) {
  const auto* const postgresql = std::get_if<PostgresqlDatabase>(&database);
  if (postgresql == nullptr) return false;
  const std::string_view url = postgresql->url;
  return url.find('@') != std::string_view::npos || url.find("password=") != std::string_view::npos;
}

// A warning, not a refusal as of ssh's keys: Afterword cannot see who else is on the machine, and in a container, where
// secrets are often mounted for all to read, nobody is; to end all calls there by an upgrade would be the greater harm.
void warn_if_open_to_others(const std::filesystem::path& path, std::string_view secret, Configuration& configuration) {
  if (!is_open_to_others(path)) return;
  configuration.warnings.push_back(fmt::format(
      "{0}: every user of this machine can read or change it, and {1}; run: chmod o-rwx {0}", path.string(), secret));
}

std::string all_lines(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

}  // namespace

std::optional<Setting> parse_setting(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  const std::string key = text.substr(0, equals);
  return Setting{key, text.substr(equals + 1), "--set " + key};
}

Result<Configuration, std::string> load_configuration(const std::filesystem::path& file,
                                                      const std::vector<Setting>& settings) {
  const Result<std::string, Unreadable> text = read_text_file(file);
  if (!text) {
    return fmt::format("{}: {}; make one with `afterword init`, or name it with --config FILE", file.string(),
                       text.error().reason);
  }

  Reader reader(file.string(), file.parent_path());
  if (!reader.read_file(*text)) return all_lines(reader.errors());
  for (const Setting& setting : settings) reader.read_setting(setting);
  Configuration configuration = reader.take_all();

  if (!configuration.registration.empty()) {
    Result<Registration, std::string> registration = read_registration(configuration.registration);
    if (registration) {
      configuration.as_token = std::move(registration->as_token);
      configuration.rate_limited = registration->rate_limited;
      warn_if_open_to_others(configuration.registration, "its as_token may speak for every user of the homeserver",
                             configuration);
    } else {
      reader.report(reader.where("registration"), registration.error());
    }
  }
  if (configuration.rtc_registration) {
    Result<gateway::SidecarRegistration, std::string> sidecar =
        read_sidecar_registration(*configuration.rtc_registration);
    if (sidecar) {
      configuration.sidecar = *std::move(sidecar);
      warn_if_open_to_others(*configuration.rtc_registration, "its hs_token may say to the service who is calling",
                             configuration);
    } else {
      reader.report(reader.where("rtc.registration"), sidecar.error());
    }
  }
  constexpr std::string_view an_administrators = "the administrator's token in it may do anything on the homeserver";
  if (holds_a_password(configuration.database)) {
    warn_if_open_to_others(file, "it holds the database's password", configuration);
  }
  if (const auto* const sqlite = std::get_if<SqliteDatabase>(&configuration.database)) {
    // What was written last may still be in the second.
    for (const char* const suffix : {"", "-wal"}) {
      warn_if_open_to_others(sqlite->path.string() + suffix, "it holds what users have scheduled", configuration);
    }
  }
  if (configuration.admin_token) {
    warn_if_open_to_others(configuration.admin_token_file.value_or(file), an_administrators, configuration);
  }
  if (configuration.operations_token) {
    warn_if_open_to_others(configuration.operations_token_file.value_or(file),
                           "with the token in it whatever is scheduled can be cancelled", configuration);
  }
  if (!reader.errors().empty()) return all_lines(reader.errors());
  return configuration;
}

Result<Configuration, std::string> configuration_of(const std::vector<Setting>& settings,
                                                    const std::filesystem::path& folder) {
  Reader reader("", folder);
  for (const Setting& setting : settings) reader.read_setting(setting);
  Configuration configuration = reader.take_all();
  if (!reader.errors().empty()) return all_lines(reader.errors());
  return configuration;
}

}  // namespace afterword::ops
