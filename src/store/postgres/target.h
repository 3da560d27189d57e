// Where the database is, and what a person is told when it cannot be used. Neither shows the password.
//
// Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace afterword::store::postgres {

// Where the database is. The URL may hold a password; what shown() answers does not.
class Target {
 public:
  // Nothing if it is no URL that libpq understands, or one that says something else than was meant.
  static std::optional<Target> parse(const std::string& url);

  const std::string& url() const { return url_; }
  const std::string& shown() const { return shown_; }

 private:
  std::string url_;
  std::string shown_;
};

// What the server says when a start fails, in one line, and what fixes it.
std::string explain(const Target& target, std::string_view said);

// Of a URL that is none.
inline constexpr const char* unreadable_url =
    "the URL cannot be read; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and what is special in a"
    " password percent-encoded, as %40 for @";

}  // namespace afterword::store::postgres
