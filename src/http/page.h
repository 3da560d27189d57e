// A page of ours: files that the build puts into the program as they are (cmake/page.cmake). Nothing in them is inline
// or from elsewhere, and what they are served with allows neither, and that nobody shows them in a frame.
#pragma once

#include "http/message.h"

#include <optional>
#include <span>
#include <string_view>

namespace afterword::http {

struct PageFile {
  std::string_view name;
  std::string_view content;
};
using Page = std::span<const PageFile>;

// The page itself is index.html. Nothing: it has no file of that name.
std::optional<Response> file_of(Page page, std::string_view name);

}  // namespace afterword::http
