#include "transfer/import_synapse.h"

#include "async/clock.h"
#include "async/task_group.h"
#include "base/json.h"
#include "homeserver/answer_limits.h"
#include "http/client.h"
#include "ops/open_store.h"
#include "store/time_keeping.h"
#include "transfer/open_synapse_database.h"
#include "transfer/synapse_database.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace afterword::transfer {
namespace {

using async::Task;
using domain::DelayId;
using store::Store;
using Done = Result<void, std::string>;

constexpr int events_at_once = 500;
const http::SendLimits answer_limits{std::chrono::seconds(10), homeserver::answer_limits::versions};

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

Task<void> keep(Store& store, domain::NewDelayedEvent event, ImportTally& tally,
                std::optional<std::string>& store_error) {
  const auto found = co_await store.look_up(event.delay_id, std::nullopt);
  if (!found) {
    store_error = found.error().reason;
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
    store_error = scheduled.error().reason;
  }
}

// Of this task and those below: what is passed by reference outlives them, because import_synapse() waits for them.
Task<Done> take_over(async::Executor executor, Store& store, SynapseDatabase& synapse, const std::string& server_name,
                     ImportTally& tally) {
  async::SystemClock clock(executor);
  const auto time_known = co_await store::restore_server_time(clock, store);
  if (!time_known) co_return time_known.error().reason;

  std::string last;
  while (true) {
    const std::vector<SynapseEvent> events = synapse.read(last, events_at_once);
    if (events.empty()) break;
    last = events.back().delay_id;
    std::vector<std::string> to_remove;
    std::optional<std::string> store_error;  // the last
    // Side by side, so that they share a commit.
    async::TaskGroup tasks(executor);
    for (const SynapseEvent& event : events) {
      if (event.sent) {
        ++tally.sent;
      } else {
        Result<domain::NewDelayedEvent, std::string> translated = translate(event, server_name, clock);
        if (!translated) {
          tally.left.push_back(translated.error());
          continue;
        }
        tasks.spawn("importing", keep(store, *std::move(translated), tally, store_error));
      }
      to_remove.push_back(event.delay_id);
    }
    co_await tasks.join();
    if (store_error) co_return *store_error;
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
                               const std::string& server_name, ImportTally& tally, Done& done) {
  std::optional<std::string> failure;
  try {
    done = co_await take_over(executor, store, synapse, server_name, tally);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (failure) done = *failure;
  co_await store.close();
}

}  // namespace

Result<ImportTally, std::string> import_synapse(const ops::Configuration& configuration,
                                                const ops::Database& synapse_database) {
  if (!is_stopped(configuration.homeserver)) {
    return fmt::format(
        "the homeserver at {} is running, and would send these events itself; stop Synapse with all its workers, and "
        "take max_event_delay_duration out of its configuration",
        configuration.homeserver.url());
  }
  const auto synapse = open_synapse_database(synapse_database);
  if (!synapse) return synapse.error();
  const std::optional<std::string> user = (*synapse)->any_user();
  if (user && !user->ends_with(":" + configuration.server_name)) {
    return fmt::format(
        "that Synapse's users are like {}, and homeserver.server_name is {}; name the database of that homeserver",
        *user, configuration.server_name);
  }

  async::asio::io_context io(1);
  const auto store = ops::open_store(io.get_executor(), configuration.database);
  if (!store) return configuration.where_database + ": " + store.error();
  ImportTally tally;
  Done done;
  async::TaskGroup tasks(io.get_executor());
  tasks.spawn("import-synapse",
              take_over_and_close(io.get_executor(), **store, **synapse, configuration.server_name, tally, done));
  io.run();
  if (!done) return done.error() + "; fix that, and run this again before Synapse is started";
  (*synapse)->commit();
  return tally;
}

}  // namespace afterword::transfer
