#include "sim/broken.h"

#include "store/forwarding_store.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

namespace afterword::sim {
namespace {

using namespace std::chrono_literals;
using domain::DelayedEvent;
using domain::DelayId;
using domain::UserId;
using store::StoreResult;

constexpr std::array<std::pair<std::string_view, Breakage>, 21> names{{
    {"none", Breakage::none},
    {"no-look", Breakage::no_look},
    {"claim-not-durable", Breakage::claim_not_durable},
    {"early-restart", Breakage::early_restart},
    {"early-schedule", Breakage::early_schedule},
    {"cancel-ignored", Breakage::cancel_ignored},
    {"restart-ignored", Breakage::restart_ignored},
    {"early-timer", Breakage::early_timer},
    {"finalise-lost", Breakage::finalise_lost},
    {"fence-off", Breakage::fence_off},
    {"no-hold", Breakage::no_hold},
    {"no-rooms", Breakage::no_rooms},
    {"refused-restart-granted", Breakage::refused_restart_granted},
    {"queue-ignored", Breakage::queue_ignored},
    {"no-flush", Breakage::no_flush},
    {"no-mark", Breakage::no_mark},
    {"refusal-at-once", Breakage::refusal_at_once},
    {"outage-at-once", Breakage::outage_at_once},
    {"middlebox-believed", Breakage::middlebox_believed},
    {"restart-waits", Breakage::restart_waits},
    {"bans-ignored", Breakage::bans_ignored},
}};

class BrokenStore final : public store::ForwardingStore {
 public:
  BrokenStore(Breakage breakage, Node& node, store::Store& store, homeserver::Homeserver& homeserver)
      : ForwardingStore(store), breakage_(breakage), node_(node), store_(store), homeserver_(homeserver) {}

  Task<StoreResult<store::ScheduleAnswer>> schedule(const domain::NewDelayedEvent& event,
                                                    std::optional<std::uint32_t> max_scheduled) override {
    if (breakage_ != Breakage::early_schedule) co_return co_await store_.schedule(event, max_scheduled);
    node_.spawn(schedule_later(event));
    const store::Scheduled scheduled{event.delay_id, true};
    co_return store::ScheduleAnswer(scheduled);
  }

  Task<StoreResult<store::ActionAnswer>> restart(DelayId delay_id, std::optional<UserId> caller,
                                                 Timestamp now) override {
    if (breakage_ == Breakage::early_restart) {
      node_.spawn(restart_later(delay_id, now));
      const store::ActionResult met{domain::Effect::perform, {}};
      co_return store::ActionAnswer(met);
    }
    if (breakage_ == Breakage::restart_waits) {
      const UserId anybody("@anybody:example.org");
      co_await homeserver_.ask_way(anybody);
    }
    if (breakage_ == Breakage::restart_ignored) {
      const store::ActionResult met{domain::Effect::perform, {}};
      co_return store::ActionAnswer(met);
    }
    auto answer = co_await store_.restart(delay_id, std::move(caller), now);
    if (breakage_ == Breakage::refused_restart_granted && answer) {
      auto* met = std::get_if<store::ActionResult>(&*answer);
      if (met != nullptr && met->effect == domain::Effect::refuse) met->effect = domain::Effect::already;
    }
    co_return answer;
  }

  Task<StoreResult<store::ActionAnswer>> cancel(DelayId delay_id, std::optional<UserId> caller,
                                                Timestamp now) override {
    if (breakage_ != Breakage::cancel_ignored) co_return co_await store_.cancel(delay_id, std::move(caller), now);
    const store::ActionResult met{domain::Effect::perform, {}};
    co_return store::ActionAnswer(met);
  }

  Task<StoreResult<store::ClaimAnswer>> claim(DelayId delay_id, std::optional<UserId> caller, domain::Attempt attempt,
                                              Timestamp now) override {
    if (breakage_ != Breakage::claim_not_durable) {
      co_return co_await store_.claim(delay_id, std::move(caller), attempt, now);
    }
    auto found = co_await store_.look_up(delay_id, caller);
    if (!found) co_return found.error();
    const bool free = *found && (*found)->state == domain::State::scheduled && !claims_.contains(delay_id) &&
                      (attempt.on_request || (*found)->timing.due() <= now);
    if (!free) co_return co_await store_.claim(delay_id, std::move(caller), attempt, now);
    claims_[delay_id] = {attempt, now};
    DelayedEvent event = **std::move(found);
    event.state = domain::State::sending;
    event.attempt = attempt;
    co_return store::ClaimAnswer(std::move(event));
  }

  Task<StoreResult<void>> release(DelayId delay_id) override {
    claims_.erase(delay_id);
    return store_.release(delay_id);
  }

  Task<StoreResult<void>> finalise(DelayId delay_id, domain::Finalised finalised) override {
    if (breakage_ == Breakage::finalise_lost) co_return StoreResult<void>();
    const auto claim = claims_.extract(delay_id);
    if (claim) {
      const auto [attempt, now] = claim.mapped();
      co_await store_.claim(delay_id, std::nullopt, attempt, now);
    }
    co_return co_await store_.finalise(delay_id, std::move(finalised));
  }

  Task<StoreResult<std::vector<store::ActiveEvent>>> find_active(std::vector<DelayId> delay_ids) override {
    auto found = co_await store_.find_active(std::move(delay_ids));
    if (breakage_ != Breakage::no_rooms || !found) co_return found;
    for (store::ActiveEvent& event : *found) event.room_id.value += event.delay_id.to_string();
    co_return found;
  }
  bool may_send(const DelayId& delay_id) const override {
    return breakage_ == Breakage::fence_off || store_.may_send(delay_id);
  }

 private:
  Task<void> schedule_later(domain::NewDelayedEvent event) {
    co_await node_.clock().sleep_for(200ms);
    co_await store_.schedule(event, std::nullopt);
  }
  Task<void> restart_later(DelayId delay_id, Timestamp now) {
    co_await node_.clock().sleep_for(200ms);
    co_await store_.restart(delay_id, std::nullopt, now);
  }

  const Breakage breakage_;
  Node& node_;
  store::Store& store_;
  homeserver::Homeserver& homeserver_;
  std::map<DelayId, std::pair<domain::Attempt, Timestamp>> claims_;
};

class BrokenHomeserver final : public homeserver::Homeserver {
 public:
  BrokenHomeserver(Breakage breakage, Node& node, homeserver::Homeserver& homeserver)
      : breakage_(breakage), node_(node), homeserver_(homeserver) {}

  Task<std::optional<homeserver::NotArrived>> prepare(DelayId delay_id) override {
    if (breakage_ == Breakage::no_mark) co_return std::nullopt;
    co_return co_await homeserver_.prepare(delay_id);
  }
  Task<homeserver::SendAnswer> send(DelayId delay_id, const domain::EventToSend& event, domain::Attempt attempt,
                                    Milliseconds time_limit) override {
    auto answer = co_await homeserver_.send(delay_id, event, attempt, time_limit);
    auto* refused = std::get_if<homeserver::Refused>(&answer);
    if (breakage_ == Breakage::refusal_at_once && refused != nullptr) refused->may_be_stopping = false;
    auto* unclear = std::get_if<homeserver::Unclear>(&answer);
    if (breakage_ == Breakage::queue_ignored && unclear != nullptr) unclear->may_be_queued = false;
    const auto* not_arrived = std::get_if<homeserver::NotArrived>(&answer);
    if (unclear != nullptr || not_arrived != nullptr) failed_ = node_.clock().steady_now();
    const auto error = unclear != nullptr ? unclear->error : not_arrived != nullptr ? not_arrived->error : std::nullopt;
    if (breakage_ == Breakage::middlebox_believed && error) {
      co_return homeserver::Refused{*error, "M_UNKNOWN", std::nullopt};
    }
    co_return answer;
  }
  Task<homeserver::LookAnswer> look_for(DelayId delay_id, const domain::EventToSend& event,
                                        domain::Attempt attempt) override {
    if (breakage_ == Breakage::no_look) co_return homeserver::Candidates{};
    auto answer = co_await homeserver_.look_for(delay_id, event, attempt);
    auto* found = std::get_if<homeserver::Candidates>(&answer);
    if (breakage_ == Breakage::queue_ignored && found != nullptr) found->may_be_queued = false;
    co_return answer;
  }
  Task<homeserver::Flush> flush_queue(const domain::EventToSend& event) override {
    if (breakage_ == Breakage::no_flush) co_return homeserver::Flush::done;
    co_return co_await homeserver_.flush_queue(event);
  }
  Task<homeserver::WayAnswer> ask_way(UserId owner) override {
    const bool failed_lately = failed_ && node_.clock().steady_now() - *failed_ < 1min;
    if (breakage_ == Breakage::outage_at_once && failed_lately) co_return homeserver::Closed{"an event failed"};
    co_return co_await homeserver_.ask_way(std::move(owner));
  }
  Task<homeserver::WhoamiAnswer> whoami(homeserver::Credentials credentials, http::Headers about_client) override {
    return homeserver_.whoami(std::move(credentials), std::move(about_client));
  }

 private:
  const Breakage breakage_;
  Node& node_;
  homeserver::Homeserver& homeserver_;
  std::optional<Steady> failed_;
};

class FastClock final : public async::Clock {
 public:
  explicit FastClock(async::Clock& clock) : clock_(clock) {}

  MachineTime machine_time() const override { return clock_.machine_time(); }
  async::Steady steady_now() const override { return clock_.steady_now(); }
  Task<void> sleep_until(async::Steady when) override { return clock_.sleep_until(when); }

 private:
  Milliseconds since_boot() const override { return clock_.machine_time().since_boot + 300ms; }

  async::Clock& clock_;
};

}  // namespace

std::optional<Breakage> breakage_of(std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [name](const auto& entry) { return entry.first == name; });
  if (found == names.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> breakage_names() {
  std::vector<std::string_view> all;
  for (const auto& [name, breakage] : names) all.push_back(name);
  return all;
}

std::unique_ptr<store::Store> break_store(Breakage breakage, Node& node, store::Store& store,
                                          homeserver::Homeserver& homeserver) {
  return std::make_unique<BrokenStore>(breakage, node, store, homeserver);
}

std::unique_ptr<homeserver::Homeserver> break_homeserver(Breakage breakage, Node& node,
                                                         homeserver::Homeserver& homeserver) {
  return std::make_unique<BrokenHomeserver>(breakage, node, homeserver);
}

std::unique_ptr<async::Clock> break_clock(Breakage breakage, async::Clock& clock) {
  if (breakage != Breakage::early_timer) return nullptr;
  return std::make_unique<FastClock>(clock);
}

}  // namespace afterword::sim
