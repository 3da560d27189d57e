#include "monitoring/console.h"

#include "monitoring/console_files.h"

#include <algorithm>
#include <string>

namespace afterword::monitoring {
namespace {

// Scripts and styles are files of ours alone, and nothing makes HTML of a text: what users write could do nothing even
// if it got into the page as more than text.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "image/svg+xml";
}

}  // namespace

std::optional<http::Response> console_file(std::string_view path) {
  constexpr std::string_view folder = "/console/";
  const std::string_view name =
      path == "/" ? "index.html" : path.substr(path.starts_with(folder) ? folder.size() : path.size());
  const auto files = console_files();
  const auto file = std::ranges::find(files, name, &ConsoleFile::name);
  if (file == files.end() || (path != "/" && name == "index.html")) return std::nullopt;
  http::Response response;
  response.headers.add("Content-Type", std::string(type_of(file->name)));
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("Content-Security-Policy", policy);
  response.headers.add("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.add("Cross-Origin-Resource-Policy", "same-origin");
  response.headers.add("Referrer-Policy", "no-referrer");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("X-Frame-Options", "DENY");
  response.body = file->content;
  return response;
}

}  // namespace afterword::monitoring
