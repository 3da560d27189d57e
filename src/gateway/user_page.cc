#include "gateway/user_page.h"

#include "http/page.h"

namespace afterword::gateway {

// Made by the build of src/gateway/user_page/.
http::Page user_page_files();

std::optional<http::Response> user_page_file(std::string_view name) {
  if (name == "index.html") return std::nullopt;
  return http::file_of(user_page_files(), name.empty() ? "index.html" : name);
}

}  // namespace afterword::gateway
