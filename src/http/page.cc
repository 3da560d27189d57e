#include "http/page.h"

#include <algorithm>
#include <string>

namespace afterword::http {
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

std::optional<Response> file_of(Page page, std::string_view name) {
  const auto file = std::ranges::find(page, name, &PageFile::name);
  if (file == page.end()) return std::nullopt;
  Response response;
  response.headers.add("Content-Type", type_of(file->name));
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

}  // namespace afterword::http
