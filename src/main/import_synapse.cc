#include "main/import_synapse.h"

#include "async/clock.h"
#include "async/task_group.h"
#include "base/json.h"
#include "base/log.h"
#include "homeserver/answer_limits.h"
#include "http/client.h"
#include "main/open_store.h"
#include "main/synapse_database.h"
#include "store/time_keeping.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace afterword {
namespace {

using async::Task;
using domain::DelayId;
using store::Store;
using Done = Result<void, std::string>;

constexpr int events_at_once = 500;
const http::SendLimits answer_limits{std::chrono::seconds(10), homeserver::answer_limits::versions};

struct Tally {
  std::uint64_t taken = 0;
  std::uint64_t known = 0;                 // from an import that was broken off
  std::uint64_t sent = 0;                  // by Synapse
  std::vector<std::string> left;           // why, a line each
  std::optional<std::string> store_error;  // the first
};

// An event with a text that no delay_id of Synapse has, or with content that is no object, was not written by Synapse.
Result<domain::NewDelayedEvent, std::string> translate(const SynapseEvent& event, const std::string& server_name,
                                                       async::Clock& clock) {
  const std::optional<DelayId> delay_id = DelayId::parse(event.delay_id);
  if (!delay_id) return fmt::format("{}: the delay_id is of a form that is not known", event.delay_id);
  if (!parse_json_object(event.content)) return fmt::format("{}: its content is no JSON object", event.delay_id);

  domain::NewDelayedEvent translated;
  translated.delay_id = *delay_id;
  domain::EventToSend& to_send = translated.event;
  to_send.user_id = domain::UserId("@" + event.user_localpart + ":" + server_name);
  if (event.device_id) to_send.device_id = domain::DeviceId(*event.device_id);
  to_send.room_id = domain::RoomId(event.room_id);
  to_send.kind = event.state_key ? domain::EventKind::state : domain::EventKind::message;
  to_send.type = event.type;
  to_send.state_key = event.state_key.value_or("");
  to_send.content = event.content;
  to_send.sticky_duration = event.sticky_duration;
  to_send.origin_server_ts = event.origin_server_ts;
  translated.timing = {clock.from_wall(event.send_ts - event.delay), event.delay};
  return translated;
}

Task<void> keep(Store& store, domain::NewDelayedEvent event, Tally& tally) {
  const auto found = co_await store.look_up(event.delay_id, std::nullopt);
  if (!found) {
    tally.store_error = found.error().reason;
    co_return;
  }
  if (*found) {
    ++tally.known;
    co_return;
  }
  const auto scheduled = co_await store.schedule(event, std::nullopt);
  if (scheduled) {
    ++tally.taken;
  } else {
    tally.store_error = scheduled.error().reason;
  }
}

// Of this task and those below: what is passed by reference outlives them, because import_synapse() waits for them.
Task<Done> take_over(async::Executor executor, Store& store, SynapseDatabase& synapse, const std::string& server_name,
                     Tally& tally) {
  async::SystemClock clock(executor);
  const auto time_known = co_await store::begin_time(clock, store);
  if (!time_known) co_return time_known.error().reason;

  std::string last;
  while (true) {
    const std::vector<SynapseEvent> events = synapse.read(last, events_at_once);
    if (events.empty()) break;
    last = events.back().delay_id;
    std::vector<std::string> to_remove;
    // Side by side, so that they share a commit.
    async::TaskGroup tasks(executor);
    for (const SynapseEvent& event : events) {
      if (event.sent) {
        ++tally.sent;
      } else {
        Result<domain::NewDelayedEvent, std::string> translated = translate(event, server_name, clock);
        if (!translated) {
          tally.left.push_back(std::move(translated).error());
          continue;
        }
        tasks.spawn("importing", keep(store, *std::move(translated), tally));
      }
      to_remove.push_back(event.delay_id);
    }
    co_await tasks.join();
    if (tally.store_error) co_return *tally.store_error;
    synapse.remove(to_remove);
  }
  co_return Done();
}

// A Synapse that runs would send the events itself, whatever its configuration.
Task<void> ask_whether_stopped(async::Executor executor, const http::Origin& homeserver, bool& stopped) {
  http::Client client(executor, homeserver);
  http::Request request;
  request.method = "GET";
  request.target = "/_matrix/client/versions";
  const auto answer = co_await client.send(std::move(request), answer_limits);
  // A reverse proxy answers for a homeserver that is away.
  stopped = answer ? answer->status >= 500 : answer.error().arrived == http::NoAnswer::Arrived::no;
  client.close();
}

bool is_stopped(const http::Origin& homeserver) {
  bool stopped = false;
  async::asio::io_context io(1);
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("asking the homeserver", ask_whether_stopped(io.get_executor(), homeserver, stopped));
  io.run();
  return stopped;
}

Task<void> take_over_and_close(async::Executor executor, Store& store, SynapseDatabase& synapse,
                               const std::string& server_name, Tally& tally, Done& done) {
  std::optional<std::string> failure;
  try {
    done = co_await take_over(executor, store, synapse, server_name, tally);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (failure) done = *failure;
  co_await store.close();
}

int complain(const std::string& text, int status = exit_failed) {
  std::fprintf(stderr, "afterword: %s\n", text.c_str());
  return status;
}

void print(const Tally& tally) {
  fmt::print("{} delayed events taken over from Synapse, with their delay_ids\n", tally.taken);
  if (tally.known > 0) fmt::print("{} were Afterword's already\n", tally.known);
  if (tally.sent > 0) fmt::print("{} Synapse had sent already\n", tally.sent);
  for (const std::string& reason : tally.left) fmt::print("left with Synapse: {}\n", reason);
}

}  // namespace

int import_synapse(const ImportSynapseCommand& command) {
  const auto configuration = ops::load_configuration(command.configuration, command.settings);
  if (!configuration) {
    std::fprintf(stderr, "%s\n", configuration.error().c_str());
    return exit_misuse;
  }
  set_up_log(configuration->log_level);
  const auto named = ops::parse_database(command.synapse_database, std::filesystem::current_path());
  if (!named) return complain("--synapse-database " + named.error(), exit_misuse);

  if (!is_stopped(configuration->homeserver)) {
    return complain(fmt::format(
        "the homeserver at {} is running, and would send these events itself; stop Synapse with all its workers, and "
        "take max_event_delay_duration out of its configuration",
        configuration->homeserver.host_header()));
  }
  const auto synapse = open_synapse_database(*named);
  if (!synapse) return complain(synapse.error());
  const std::optional<std::string> user = (*synapse)->any_user();
  if (user && !user->ends_with(":" + configuration->server_name)) {
    return complain(
        fmt::format("that Synapse's users are like {}, and homeserver.server_name is {}; name the database "
                    "of that homeserver",
                    *user, configuration->server_name));
  }

  async::asio::io_context io(1);
  const auto store = open_store(io.get_executor(), configuration->database);
  if (!store) return complain(configuration->where_database + ": " + store.error());
  Tally tally;
  Done done;
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("import-synapse",
              take_over_and_close(io.get_executor(), **store, **synapse, configuration->server_name, tally, done));
  io.run();
  if (!done) return complain(done.error() + "; mend that, and run this again before Synapse is started");
  (*synapse)->commit();

  print(tally);
  if (!tally.left.empty()) return exit_failed;
  std::puts("Now start Synapse, without max_event_delay_duration, then afterword serve.");
  return exit_ok;
}

}  // namespace afterword
