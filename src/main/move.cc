#include "main/move.h"

#include "async/clock.h"
#include "ops/configuration.h"
#include "transfer/copying.h"
#include "transfer/databases.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace afterword {
namespace {

using domain::State;
using store::CountByState;
using transfer::CopyProgress;

// Prints a line now and then: often for somebody who watches, rarely into a file.
class ProgressLines {
 public:
  void show(const CopyProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (began_ == TimePoint()) {
      began_ = shown_ = now;
      began_with_ = progress.copied;
      if (progress.copied > 0) fmt::print("{} are there from an earlier run\n", progress.copied);
    }
    const bool done = progress.copied == progress.all;
    if (!done && now - shown_ < pause_) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const auto copied = static_cast<double>(progress.copied - began_with_);
    fmt::print("{} of {} events copied ({} %), {:.0f} a second\n", progress.copied, progress.all,
               progress.all == 0 ? 100 : progress.copied * 100 / progress.all, seconds > 0 ? copied / seconds : 0);
    std::fflush(stdout);
  }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  const std::chrono::seconds pause_{::isatty(STDOUT_FILENO) != 0 ? 1 : 10};
  TimePoint began_;
  TimePoint shown_;
  std::uint64_t began_with_ = 0;
};

std::string to_text(const CountByState& counts) {
  const auto of = [&](State state) { return counts[static_cast<std::size_t>(state)]; };
  return fmt::format("{} scheduled, {} being sent, {} sent, {} failed, {} cancelled", of(State::scheduled),
                     of(State::sending), of(State::sent), of(State::failed), of(State::cancelled));
}

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "afterword: %s\n", text.c_str());
  return status;
}

}  // namespace

int move(const MoveCommand& command) {
  const std::filesystem::path here = std::filesystem::current_path();
  const auto from = ops::parse_database(command.from, here);
  if (!from) return complain("--from " + from.error(), exit_misuse);
  const auto to = ops::parse_database(command.to, here);
  if (!to) return complain("--to " + to.error(), exit_misuse);
  if (transfer::are_one(*from, *to)) return complain("--from and --to are one database; name a new one", exit_misuse);

  try {
    const auto reader = transfer::open_reader(*from);
    const auto writer = transfer::open_writer(*to);
    async::asio::io_context io(1);
    const async::SystemClock clock(io.get_executor());
    ProgressLines lines;
    const CountByState counts =
        transfer::copy(*reader, *writer, clock, [&](const CopyProgress& progress) { lines.show(progress); });
    fmt::print(
        "All {} delayed events of {} are in {}: {}.\n"
        "Now write the new database into the configuration, as `database:`, and start afterword serve. The old one is\n"
        "as it was; do not serve it any more: it would send its events a second time.\n",
        store::sum_of(counts), reader->origin().source, writer->name(), to_text(counts));
    return exit_ok;
  } catch (const store::TransferError& error) {
    return complain(error.what(), exit_failed);
  }
}

}  // namespace afterword
