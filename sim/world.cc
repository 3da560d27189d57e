#include "sim/world.h"

#include "base/log.h"
#include "base/testing/temporary_folder.h"
#include "sim/checkers.h"
#include "sim/clients.h"
#include "sim/disk.h"
#include "sim/homeserver.h"
#include "sim/in_place.h"
#include "sim/random_bytes.h"
#include "sim/server.h"
#include "sim/stepping_store.h"
#include "sim/vfs.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/memory_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;

// How long a world that has healed may take to come to rest: the longest delay, leases, the longest pauses between
// tries, and several times what a queue of the homeserver is given.
constexpr auto time_to_rest = 30min;
// In place of the day after which an event that is held up for ever fails: longer than all else takes to get through.
constexpr auto short_day = 40min;

// Small, so that folding happens in worlds of a few events.
constexpr store::sqlite::Folding small_folding{
    .min_entries = 6, .min_entries_per_event = 0, .slots_per_step = 2, .rows_per_step = 2};

// Where SQLite's files seem to be. The store makes sure itself that it can make a file there, so the folder exists; the
// file stays empty, for what is written goes to the simulated disk.
std::filesystem::path database_file() {
  static const afterword::testing::TemporaryFolder folder;
  return folder / "afterword.db";
}

// What a world is like.
struct Plan {
  bool faultless = false;
  bool sqlite = true;
  bool new_disk = false;
  std::size_t instances = 1;
  Product product = Product::synapse;
  std::size_t wishes = 5;
  std::chrono::milliseconds period{};
  std::chrono::milliseconds start_grace{};
  bool takes_time = true;

  HomeserverFaults homeserver;
  std::size_t homeserver_restarts = 0;
  std::size_t kicks = 0;
  std::size_t removed_devices = 0;
  std::size_t middleboxes = 0;
  std::size_t hangs = 0;
  std::size_t bans = 0;
  bool holds_up = false;  // events of one owner in one room,
  bool for_ever = false;  // or for a while
  double answers_lost = 0;

  std::size_t kills = 0;
  double kill_at_step = 0;
  double kill_anywhere = 0;
  std::size_t deaths_in_write = 0;
  double power_loss = 0;
  std::size_t pauses = 0;
  double pause_at_step = 0;
  std::size_t disk_troubles = 0;
  std::size_t clock_steps = 0;
  StoreFaults store;
};

Plan draw_plan(Random random, const std::set<std::string, std::less<>>& without) {
  Plan plan;
  plan.faultless = random.chance(0.1);
  plan.sqlite = random.chance(0.6) || without.contains("instances");
  plan.new_disk = random.chance(0.1);
  plan.instances = plan.sqlite ? 1 : static_cast<std::size_t>(random.between(1, 3));
  plan.product = random.chance(0.5) ? Product::synapse : Product::dendrite;
  plan.wishes = static_cast<std::size_t>(random.between(3, 10));
  plan.period = Milliseconds(random.between(1, 30) * 1000);
  constexpr std::array<std::chrono::milliseconds, 4> graces{0ms, 0ms, 2s, 10s};
  plan.start_grace = random.pick(graces);
  plan.takes_time = random.chance(0.8);
  plan.store.network = !plan.sqlite;

  const auto has = [&](std::string_view kind, double probability) {
    const bool drawn = random.chance(probability);  // whether it is left out or not, so that the rest stays the same
    return drawn && !without.contains(kind);
  };
  // That it stops nothing else is seen best where nothing else is wrong.
  const auto draw_held_up = [&](double probability) {
    plan.holds_up = has("held-up", probability);
    plan.for_ever = random.chance(0.5) && plan.holds_up;
  };
  const auto draw_hangs = [&](double probability) {
    const auto count = static_cast<std::size_t>(random.between(1, 2));
    if (has("hangs", probability)) plan.hangs = count;
  };
  if (plan.faultless) {
    draw_held_up(0.4);
    draw_hangs(0.3);
    return plan;
  }
  if (has("slow", 0.4)) plan.homeserver.slow = 0.15;
  if (has("lost-answers", 0.5)) {
    plan.homeserver.lost_before = 0.1;
    plan.homeserver.lost_after = 0.25;
  }
  if (has("server-errors", 0.4)) {
    plan.homeserver.error_before = 0.1;
    plan.homeserver.error_after = 0.1;
  }
  if (has("rate-limits", 0.3)) {
    plan.homeserver.rate_limited = 0.1;
    plan.homeserver.overloaded = 0.1;
  }
  if (has("cannot-look", 0.3)) plan.homeserver.cannot_look = 0.3;
  if (has("homeserver-restarts", 0.5)) plan.homeserver_restarts = static_cast<std::size_t>(random.between(1, 3));
  if (has("kicks", 0.2)) plan.kicks = 1;
  if (has("removed-devices", 0.2)) plan.removed_devices = 1;
  if (has("client-answers", 0.4)) plan.answers_lost = 0.2;
  if (has("kills", 0.7)) {
    plan.kills = static_cast<std::size_t>(random.between(1, 4));
    plan.kill_at_step = random.chance(0.5) ? 0.08 : 0.02;
    plan.kill_anywhere = random.chance(0.5) ? 0.01 : 0.001;
  }
  if (has("deaths-in-write", 0.3) && plan.sqlite) plan.deaths_in_write = static_cast<std::size_t>(random.between(1, 3));
  if (has("power-loss", 0.5)) plan.power_loss = 0.6;
  if (has("pauses", 0.4)) {
    plan.pauses = static_cast<std::size_t>(random.between(1, 3));
    plan.pause_at_step = 0.04;
  }
  if (has("disk", 0.3) && plan.sqlite) plan.disk_troubles = static_cast<std::size_t>(random.between(1, 3));
  if (has("database", 0.4) && !plan.sqlite) {
    plan.store.away = 0.05;
    plan.store.answer_lost = 0.05;
  }
  if (has("clock-steps", 0.2)) plan.clock_steps = static_cast<std::size_t>(random.between(1, 3));
  draw_held_up(0.15);
  if (has("middleboxes", 0.25)) plan.middleboxes = static_cast<std::size_t>(random.between(1, 2));
  draw_hangs(0.2);
  if (has("bans", 0.2)) plan.bans = 1;
  return plan;
}

class World final : public Steps {
 public:
  World(std::uint64_t seed, const WorldOptions& options);
  ~World() override;

  Verdict run();

  void pass(Node& node, Step step) override;

 private:
  struct Slot {
    std::unique_ptr<Machine> machine = std::make_unique<Machine>();
    std::unique_ptr<Server> server;
    std::size_t starts = 0;
    // Of what people and time services do to the wall clock around a boot, nobody can know, as documented. So nobody
    // does it between a boot and when the process has read its clocks, and no power fails before a step is kept.
    bool boot_is_known = true;
    bool step_is_kept = true;
    bool clock_is_read = false;  // and not set since
  };

  void start(std::size_t number);
  std::unique_ptr<store::Store> open_store(Node& node, std::vector<Task<void>>& background);
  void kill(Slot& slot);
  void reap();
  void note_time(const Node& node, Step step);
  void pause(Node& node, bool is_about_to_send);
  void plan_faults();
  void heal();
  template <class Action>
  void sometime(Action action) {
    simulation_.after(random_.time(0ns, plan_.period + 20s), [this, action = std::move(action)] {
      if (!healed_) action();
    });
  }

  const WorldOptions& options_;
  Random random_;
  const Plan plan_;
  Simulation simulation_;
  Disk disk_;
  store::testing::MemoryDatabase database_;
  SimulatedHomeserver homeserver_;
  StoreFaults store_faults_;
  std::vector<Slot> slots_;
  Clients clients_;
  std::vector<Steady> starts_;
  std::size_t kills_left_ = 0;
  std::size_t pauses_left_ = 0;
  bool healed_ = false;
  Verdict verdict_;
};

// The files of a database that was just made, so that not every world makes its own.
const Disk& new_database() {
  static const auto made = [] {
    auto disk = std::make_unique<Disk>(Random(1));
    mount(*disk);
    asio::io_context context;
    store::sqlite::Options options{database_file(), store::CommitOn::executor, {}};
    auto opened = store::sqlite::open(context.get_executor(), std::move(options));
    if (opened.has_error()) throw std::runtime_error(opened.error());
    return disk;
  }();
  return *made;
}

World::World(std::uint64_t seed, const WorldOptions& options)
    : options_(options),
      random_(seed),
      plan_(draw_plan(random_.fork(), options.without)),
      simulation_(random_.fork()),
      disk_(random_.fork()),
      database_([this] { return from_wall(simulation_.wall(), Milliseconds(0)); }),
      homeserver_(simulation_, random_.fork(), plan_.product),
      store_faults_(plan_.store),
      clients_(simulation_, random_.fork(), [this]() -> Server* {
        Server* server = random_.pick(slots_).server.get();
        return server != nullptr && server->ready() && !server->node().doomed() ? server : nullptr;
      }) {
  seed_random_bytes(random_.next());
  if (plan_.sqlite && !plan_.new_disk) disk_.copy_files_of(new_database());
  mount(disk_);
  simulation_.trace_line = options.trace_line;
  simulation_.trace("seed {}: {}, {} instance(s), {}, {} wishes", seed, plan_.sqlite ? "SQLite" : "shared store",
                    plan_.instances, plan_.product == Product::synapse ? "Synapse" : "Dendrite", plan_.wishes);
  simulation_.between_steps = [this] { reap(); };
  homeserver_.takes_time = plan_.takes_time;
  homeserver_.faults = plan_.homeserver;
  homeserver_.asks_for_bans = options.breakage != Breakage::bans_ignored;
  clients_.answers_lost = plan_.answers_lost;
  for (const auto* verb : SteppingStore::verbs) {
    for (const auto* moment : {"asked", "performed"}) verdict_.coverage.steps[{verb, moment}];
  }
  for (const auto* moment : SimulatedHomeserver::moments) verdict_.coverage.steps[{"homeserver", moment}];
  kills_left_ = plan_.kills;
  pauses_left_ = plan_.pauses;
  slots_.resize(plan_.instances);
}

World::~World() {
  disk_.freeze();
  for (Slot& slot : slots_) slot.server.reset();
}

std::unique_ptr<store::Store> World::open_store(Node& node, std::vector<Task<void>>& background) {
  if (!plan_.sqlite) {
    auto store = std::make_unique<store::testing::MemoryStore>(database_);
    background.push_back(store->keep_lease(node.clock()));
    return store;
  }
  store::sqlite::Options options{database_file(), store::CommitOn::executor, small_folding};
  auto opened = store::sqlite::open(node.executor(), std::move(options));
  if (opened.has_error()) {
    simulation_.trace("{} cannot open its database: {}", node.name(), opened.error());
    return nullptr;
  }
  return *std::move(opened);
}

void World::start(std::size_t number) {
  Slot& slot = slots_[number];
  disk_.thaw();
  Server::Parts parts;
  parts.node =
      std::make_unique<Node>(simulation_, fmt::format("afterword{}.{}", number + 1, ++slot.starts), *slot.machine);
  Node& node = *parts.node;
  auto store = open_store(node, parts.background);
  if (!store) {
    node.abandon();
    simulation_.after(1s, [this, number] { start(number); });
    return;
  }
  parts.stores.push_back(std::move(store));
  parts.stores.push_back(
      std::make_unique<SteppingStore>(node, *parts.stores.back(), *this, random_.fork(), store_faults_));
  parts.homeservers.push_back(homeserver_.link(node, [this, &node](const char* moment) {
    const Step step{"homeserver", moment};
    pass(node, step);
  }));
  if (options_.breakage != Breakage::none) {
    if (auto broken = break_store(options_.breakage, node, *parts.stores.back(), *parts.homeservers.back())) {
      parts.stores.push_back(std::move(broken));
    }
    if (auto broken = break_homeserver(options_.breakage, node, *parts.homeservers.back())) {
      parts.homeservers.push_back(std::move(broken));
    }
    parts.clock = break_clock(options_.breakage, node.clock());
  }
  parts.delivery.start_grace = plan_.start_grace;
  parts.delivery.send_timeout = std::chrono::duration_cast<Milliseconds>(SimulatedHomeserver::time_limit);
  if (plan_.for_ever) parts.delivery.give_up_after = short_day;
  if (options_.breakage == Breakage::no_hold) parts.delivery.longest_hold = 0ms;
  parts.on_ready = [this] { starts_.push_back(simulation_.now()); };
  slot.server = std::make_unique<Server>(std::move(parts));
}

void World::kill(Slot& slot) {
  const auto number = static_cast<std::size_t>(&slot - slots_.data());
  simulation_.trace("{} is killed", slot.server->node().name());
  ++verdict_.kills;
  disk_.freeze();
  slot.server.reset();
  if (random_.chance(plan_.power_loss) && slot.step_is_kept) {
    simulation_.trace("its power fails");
    if (plan_.sqlite) disk_.lose_power();
    ++slot.machine->boots;
    slot.machine->booted = simulation_.now();
    slot.boot_is_known = false;
  }
  const auto down = random_.chance(0.5) ? random_.time(10ms, 1s) : random_.time(1s, 15s);
  simulation_.after(down, [this, number] { start(number); });
}

// Between two handlers: who is doomed goes.
void World::reap() {
  for (Slot& slot : slots_) {
    if (!slot.server) continue;
    if (!healed_ && kills_left_ > 0 && random_.chance(plan_.kill_anywhere)) {
      --kills_left_;
      slot.server->node().doom();
    }
    if (slot.server->node().doomed()) kill(slot);
  }
}

void World::pass(Node& node, Step step) {
  auto& count = verdict_.coverage.steps[step];
  ++count.passed;
  if (node.doomed()) return;
  note_time(node, step);
  if (healed_) return;
  if (kills_left_ > 0 && random_.chance(plan_.kill_at_step)) {
    simulation_.trace("{} is to die at {} {}", node.name(), step.first, step.second);
    --kills_left_;
    ++count.killed;
    node.doom();
  } else if (pauses_left_ > 0) {
    // The worst moment for an instance to stand still: others take over what it is about to send.
    const bool is_about_to_send = step == Step{"claim", "performed"};
    if (random_.chance(plan_.pause_at_step * (is_about_to_send ? 10 : 1))) pause(node, is_about_to_send);
  }
}

void World::note_time(const Node& node, Step step) {
  if (step.first != "save_time") return;
  for (Slot& slot : slots_) {
    if (!slot.server || &slot.server->node() != &node) continue;
    if (step.second == "asked") {
      slot.clock_is_read = true;
    } else if (slot.clock_is_read) {
      slot.boot_is_known = true;
      slot.step_is_kept = disk_.faults() == 0;
    }
  }
}

void World::pause(Node& node, bool is_about_to_send) {
  if (node.paused()) return;
  --pauses_left_;
  ++verdict_.pauses;
  const auto time = is_about_to_send ? random_.time(5s, 40s) : random_.time(1s, 40s);
  simulation_.trace("{} is paused for {} ms", node.name(), time.count() / 1000);
  node.pause();
  simulation_.after(time, [this, name = node.name()] {
    for (Slot& slot : slots_) {
      if (slot.server && slot.server->node().name() == name) slot.server->node().resume();
    }
  });
  if (is_about_to_send && plan_.homeserver_restarts > 0) {
    simulation_.after(time - 500ms, [this] {
      if (healed_) return;
      homeserver_.go_down();
      simulation_.after(random_.time(50ms, 400ms), [this] { homeserver_.come_up(); });
    });
  }
}

void World::plan_faults() {
  for (std::size_t i = 0; i < plan_.homeserver_restarts; ++i) {
    sometime([this] {
      if (random_.chance(0.5)) {
        homeserver_.stop();
      } else {
        homeserver_.go_down();
      }
      const auto longest_stop = SimulatedHomeserver::time_to_stop;
      simulation_.after(longest_stop + random_.time(50ms, 20s), [this] { homeserver_.come_up(); });
    });
  }
  for (std::size_t i = 0; i < plan_.kicks; ++i) {
    sometime([this] {
      const Wish& wish = clients_.history().wishes.at(random_.below(clients_.history().wishes.size()));
      homeserver_.kick(wish.user_id, wish.room_id);
    });
  }
  for (std::size_t i = 0; i < plan_.removed_devices; ++i) {
    sometime([this] {
      const Wish& wish = clients_.history().wishes.at(random_.below(clients_.history().wishes.size()));
      if (wish.device_id) homeserver_.remove_device(*wish.device_id);
    });
  }
  if (plan_.holds_up) {
    const Wish& wish = clients_.history().wishes.at(random_.below(clients_.history().wishes.size()));
    homeserver_.hold_up(wish.user_id, wish.room_id, draw_answer_to_stuck(random_), plan_.for_ever);
  }
  for (std::size_t i = 0; i < plan_.middleboxes; ++i) {
    sometime([this] {
      simulation_.trace("a middlebox answers");
      homeserver_.put_in_front(draw_middlebox_answer(random_), random_.chance(0.5) ? 1 : 0.4);
      simulation_.after(random_.time(100ms, 30s), [this] { homeserver_.remove_middlebox(); });
    });
  }
  for (std::size_t i = 0; i < plan_.hangs; ++i) {
    sometime([this] { homeserver_.hang(random_.time(1s, 60s)); });
  }
  for (std::size_t i = 0; i < plan_.bans; ++i) {
    sometime([this] {
      constexpr std::array bans{Ban::locked, Ban::deactivated, Ban::suspended, Ban::shadow};
      const Wish& wish = clients_.history().wishes.at(random_.below(clients_.history().wishes.size()));
      homeserver_.ban(wish.user_id, random_.pick(bans));
    });
  }
  for (std::size_t i = 0; i < plan_.deaths_in_write; ++i) {
    sometime([this] {
      Slot& slot = slots_.front();
      if (!slot.server) return;
      disk_.die_at_write(1 + random_.below(40), [this] {
        if (!slots_.front().server) return;  // while it starts: it reads what it has not written, and is killed then
        slots_.front().server->node().doom();
      });
    });
  }
  for (std::size_t i = 0; i < plan_.disk_troubles; ++i) {
    sometime([this] {
      const auto kind = random_.below(4);
      simulation_.trace("the disk has trouble {}", kind);
      if (kind == 0) disk_.full = true;
      if (kind == 1) disk_.write_errors = 0.1;
      if (kind == 2) disk_.sync_errors = 0.3;
      if (kind == 3) disk_.read_errors = 0.05;
      simulation_.after(random_.time(200ms, 10s), [this] {
        simulation_.trace("the disk is well again");
        disk_.full = false;
        disk_.write_errors = disk_.sync_errors = disk_.read_errors = 0;
      });
    });
  }
  for (std::size_t i = 0; i < plan_.clock_steps; ++i) {
    sometime([this] {
      const auto by = Milliseconds(random_.between(-7'200, 7'200) * (random_.chance(0.5) ? 1000 : 1));
      Slot& slot = random_.pick(slots_);
      if (!slot.boot_is_known) return;
      simulation_.trace("the clock is set by {} ms", by.count());
      ++verdict_.clock_steps;
      slot.machine->wall_offset += by;
      slot.step_is_kept = slot.clock_is_read = false;
    });
  }
}

void World::heal() {
  simulation_.trace("everything is well from now on");
  healed_ = true;
  homeserver_.faults = {};
  homeserver_.come_up();
  homeserver_.remove_middlebox();
  homeserver_.let_through();
  store_faults_.away = store_faults_.answer_lost = 0;
  disk_.full = false;
  disk_.write_errors = disk_.sync_errors = disk_.read_errors = 0;
  clients_.answers_lost = 0;
  for (Slot& slot : slots_) {
    if (slot.server) slot.server->node().resume();
  }
}

Verdict World::run() {
  const Steady began = simulation_.now();
  for (std::size_t i = 0; i < slots_.size(); ++i) start(i);
  // Clients come when there is somebody to talk to.
  const auto ready = [](const Slot& slot) { return slot.server && slot.server->ready(); };
  simulation_.run([&] { return std::all_of(slots_.begin(), slots_.end(), ready); }, simulation_.now() + 5s);
  clients_.begin({plan_.wishes, plan_.period, plan_.takes_time});
  plan_faults();

  const auto done = [this] { return clients_.done(); };
  simulation_.run(done, simulation_.now() + 10min);
  if (!plan_.faultless) simulation_.run([] { return false; }, simulation_.now() + random_.time(0s, 40s));
  heal();
  simulation_.run([] { return false; }, simulation_.now() + 20s);

  // What is held up comes one after the other, each for as long as its room waits for it.
  const Steady limit = simulation_.now() + time_to_rest + (plan_.for_ever ? 2 * short_day : 0min);
  while (!(clients_.done() && clients_.settled()) && simulation_.now() < limit) {
    clients_.look_up_open();
    simulation_.run([] { return false; }, simulation_.now() + (plan_.for_ever ? 1min : 10s));
  }
  // What would still come now, comes too often.
  simulation_.run([] { return false; }, simulation_.now() + 30s);

  Circumstances circumstances;
  circumstances.faultless = plan_.faultless && plan_.hangs == 0;
  circumstances.reachable = plan_.kills == 0 && plan_.deaths_in_write == 0 && plan_.pauses == 0 &&
                            plan_.disk_troubles == 0 && plan_.store.away == 0 && plan_.answers_lost == 0;
  circumstances.clocks_steady = plan_.clock_steps == 0;
  // store::restore_server_time asks again until the answer came within this.
  if (plan_.store.network) circumstances.clock_error = 50ms;
  circumstances.longest_hold = delivery::Options{}.longest_hold;
  circumstances.start_grace = plan_.start_grace;
  circumstances.has_outages = plan_.store.away > 0 || plan_.disk_troubles > 0 || plan_.homeserver_restarts > 0 ||
                              plan_.middleboxes > 0 || plan_.hangs > 0;
  circumstances.starts = starts_;
  // A homeserver that was never restarted, and has never let Afterword wait for so long that it might be: then nothing
  // is given the time of its queue, which is longer than this.
  const bool may_queue = plan_.homeserver_restarts > 0 || plan_.homeserver.slow > 0 || plan_.pauses > 0;
  if (!may_queue && !circumstances.has_outages && !plan_.holds_up) circumstances.longest_lateness = 5min;
  verdict_.broken = broken_promises(clients_.history(), homeserver_, circumstances);
  for (const std::string& line : verdict_.broken) simulation_.trace("BROKEN: {}", line);
  verdict_.handlers = simulation_.handlers();
  verdict_.homeserver_faults = homeserver_.faults_made();
  verdict_.disk_faults = disk_.faults();
  verdict_.events = clients_.history().wishes.size();
  verdict_.sent = homeserver_.events().size();
  verdict_.seconds = std::chrono::duration<double>(simulation_.now() - began).count();
  return std::move(verdict_);
}

}  // namespace

const std::vector<std::string>& fault_kinds() {
  static const std::vector<std::string> kinds{
      "slow",           "lost-answers",    "server-errors",   "rate-limits", "cannot-look", "homeserver-restarts",
      "kicks",          "removed-devices", "held-up",         "middleboxes", "hangs",       "bans",
      "client-answers", "kills",           "deaths-in-write", "power-loss",  "pauses",      "disk",
      "database",       "clock-steps",     "instances"};
  return kinds;
}

Verdict run_world(std::uint64_t seed, const WorldOptions& options) {
  World world(seed, options);
  return world.run();
}

}  // namespace afterword::sim
