// What `afterword init` makes: a configuration in which every key is explained, and the registration that belongs to
// it.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"
#include "ops/load_configuration.h"

#include <filesystem>
#include <string>
#include <vector>

namespace afterword::ops {

struct InitialFiles {
  Configuration configuration;  // what the text says, but for the as_token
  std::filesystem::path configuration_path;
  std::string configuration_text;
  std::string registration_text;  // with the secrets; its path is the configuration's
};

// Writes nothing yet. The error says what is wrong with the settings.
Result<InitialFiles, std::string> make_initial_files(const std::filesystem::path& folder,
                                                     const std::vector<Setting>& settings);

// The error names the one that is there already.
Result<void, std::string> require_no_files(const InitialFiles& files);

// Makes the folder if it does not exist, and both files, or neither: it refuses to overwrite either.
Result<void, std::string> write_initial_files(const InitialFiles& files);

}  // namespace afterword::ops
