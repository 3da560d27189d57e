#include "monitoring/console.h"

#include "http/page.h"

namespace afterword::monitoring {

// Made by the build of src/monitoring/console/.
http::Page console_files();

std::optional<http::Response> console_file(std::string_view path) {
  constexpr std::string_view folder = "/console/";
  if (path == "/") return http::file_of(console_files(), "index.html");
  if (!path.starts_with(folder) || path == "/console/index.html") return std::nullopt;
  return http::file_of(console_files(), path.substr(folder.size()));
}

}  // namespace afterword::monitoring
