// The files of src/monitoring/console/, which the build puts into the program as they are (console.cmake).
#pragma once

#include <span>
#include <string_view>

namespace afterword::monitoring {

struct ConsoleFile {
  std::string_view name;
  std::string_view content;
};

std::span<const ConsoleFile> console_files();

}  // namespace afterword::monitoring
