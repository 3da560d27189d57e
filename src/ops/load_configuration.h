// Reads what an operator decides.
//
// It comes from a YAML file, one value a key (ops/configuration_keys.h has the table of them), and from settings on the
// command line, which go before the file. Blocks on files; for start-up. Errors are for a person, a line each:
//   FILE:LINE: KEY: what is wrong; how to fix it
// with `--set KEY` in place of FILE:LINE: KEY for a setting. They never show a secret.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace afterword::ops {

// One key given on the command line.
struct Setting {
  std::string key;    // limits.max_delay
  std::string value;  // 24h
  std::string shown;  // how errors name it: --set limits.max_delay
};

// Out of KEY=VALUE; nothing if it is not that.
std::optional<Setting> parse_setting(const std::string& text);

// Relative paths in the configuration start at the folder of `file`.
Result<Configuration, std::string> load_configuration(const std::filesystem::path& file,
                                                      const std::vector<Setting>& settings = {});

// The configuration of these settings alone, without reading the registration: its as_token is empty. For init, which
// has yet to write the files.
Result<Configuration, std::string> configuration_of(const std::vector<Setting>& settings,
                                                    const std::filesystem::path& folder);

}  // namespace afterword::ops
