#include "store/postgres/explain.h"

#include <fmt/format.h>

#include <array>

namespace afterword::store::postgres {

// What the server says and what mends it. It may say it in another language; then it speaks for itself.
std::string explain(const Target& target, std::string_view said) {
  struct Known {
    std::string_view part;
    std::string_view mend;
  };
  constexpr std::array known{
      Known{"password authentication failed", "correct the user or the password in the URL"},
      Known{"no password supplied", "put the password into the URL, or into a password file of libpq's"},
      Known{"no pg_hba.conf entry", "allow it in the server's pg_hba.conf"},
      Known{"Connection refused", "start the server, or correct the host and port in the URL"},
      Known{"No such file or directory", "start the server, or correct the host and port in the URL"},
      Known{"could not translate host name", "correct the host in the URL"},
      Known{"timeout expired", "see that the server can be reached"},
      Known{"permission denied", "let the URL's user own the database, or create schemas in it"},
      Known{"session is read-only", "name the primary, not a standby"},
      Known{"lock timeout", "an `afterword move` may be using it; wait for its end"},
      Known{"too many", "raise the server's max_connections: each instance takes three"},
      Known{"connection slots", "raise the server's max_connections: each instance takes three"},
  };
  for (const auto& [part, mend] : known) {
    if (said.find(part) != std::string_view::npos) return fmt::format("{}: {}; {}", target.shown(), said, mend);
  }
  if (said.find("database \"") != std::string_view::npos && said.find("does not exist") != std::string_view::npos) {
    return fmt::format("{}: {}; make it: createdb --owner USER DATABASE", target.shown(), said);
  }
  return fmt::format("{}: {}", target.shown(), said);
}

}  // namespace afterword::store::postgres
