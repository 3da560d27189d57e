// The table of configuration keys. It drives reading, the errors, and the commented file that `afterword init` writes:
// a new key is one entry.
#pragma once

#include "base/result.h"
#include "ops/configuration.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace afterword::ops {

struct Key {
  std::string_view name;      // section.key, or key at the top
  std::string_view standard;  // the value of a key that is not given; empty: it must be given
  std::string_view example;   // of one that must be given
  std::string_view comment;   // for the file that init writes, in lines that fit

  // Takes the value into the configuration. The error is: what is wrong; how to fix it.
  Result<void, std::string> (*take)(const std::string& value, const std::filesystem::path& folder,
                                    Configuration& configuration);

  // May be written as a list of YAML, which is taken as one value with commas in between.
  bool is_list = false;

  std::string_view section() const;    // "limits", or empty
  std::string_view last_part() const;  // "max_delay"
  bool required() const { return standard.empty(); }
};

std::span<const Key> keys();
const Key* find_key(std::string_view name);
bool is_section(std::string_view name);

// The key that was probably meant, if one is near.
const Key* nearest_key(std::string_view name);

}  // namespace afterword::ops
