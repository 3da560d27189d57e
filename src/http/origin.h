// Where a server is: the origin of a URL.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>

namespace afterword::http {

struct Origin {
  bool tls = false;
  std::string host;
  std::uint16_t port = 80;

  // "http://127.0.0.1:8008", "https://example.org", also with a trailing slash. The error is for a person.
  static Result<Origin, std::string> parse(const std::string& url);
  std::string host_header() const;
};

}  // namespace afterword::http
