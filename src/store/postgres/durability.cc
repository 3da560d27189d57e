#include "store/postgres/durability.h"

#include "store/postgres/connection.h"
#include "store/postgres/target.h"

#include <chrono>

namespace afterword::store::postgres {
namespace {

constexpr int trials = 10;

const Statement read_setting{"read_setting", "SELECT current_setting($1::text)"};
// A message to nobody in the log that is written ahead, so that the commit has something to sync.
const Statement try_commit{"try_commit", "SELECT pg_logical_emit_message(true, 'afterword check', 'a trial commit')"};

}  // namespace

Result<Durability, std::string> read_durability(const std::string& url) {
  using Clock = std::chrono::steady_clock;
  const auto target = Target::parse(url);
  if (!target) return std::string(unreadable_url);
  try {
    Connection connection(*target, "afterword check");
    Durability durability;
    for (const char* name : {"fsync", "synchronous_commit", "full_page_writes"}) {
      const Rows rows = connection.run(read_setting, Parameters(std::string_view(name)));
      durability.settings.push_back({name, rows.text(0, 0)});
    }
    connection.run(try_commit);  // prepared by this
    for (int i = 0; i < trials; ++i) {
      const auto began = Clock::now();
      connection.run(try_commit);
      durability.commits.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
    }
    return durability;
  } catch (const Error& error) {
    return explain(*target, error.what());
  }
}

}  // namespace afterword::store::postgres
