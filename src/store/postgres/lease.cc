#include "store/postgres/lease.h"

#include "base/end_process.h"
#include "base/log.h"
#include "store/postgres/schema.h"

#include <algorithm>
#include <ctime>
#include <exception>
#include <optional>
#include <string>

namespace afterword::store::postgres {
namespace {

constexpr std::chrono::milliseconds pause_after_failure{500};

const Statement renewal{"renew_lease",
                        "UPDATE instances SET lease_until = clock_timestamp() + $2::int8 * interval '1 ms'"
                        " WHERE instance = $1::int8 AND NOT ended"};
const Statement registration{"register_instance",
                             "INSERT INTO instances (lease_until)"
                             " SELECT clock_timestamp() + $1::int8 * interval '1 ms'"
                             " WHERE NOT EXISTS (SELECT FROM origin WHERE NOT finished) RETURNING instance"};
const Statement touching{"touch_instance", "UPDATE instances SET ended = ended WHERE instance = $1::int8"};
const Statement end{"end_lease", "UPDATE instances SET ended = true WHERE instance = $1::int8"};

InstanceId register_instance(Connection& connection, std::chrono::milliseconds duration) {
  const auto rows = connection.run(registration, Parameters(duration));
  if (!rows.empty()) return rows.integer(0, 0);
  throw Error(Error::Kind::refused, unfinished(read_transfer_origin(connection)).value_or("try again"));
}

}  // namespace

std::chrono::milliseconds time_since_boot() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::milliseconds(time.tv_nsec / 1'000'000);
}

Lease::Lease(Target target, LeaseOptions options) : options_(std::move(options)), session_(std::move(target), "lease") {
  renewed_at_ = options_.clock();
  instance_ = register_instance(session_.connection(), options_.duration);
  thread_ = std::thread([this] { run(); });
}

Lease::~Lease() { stop(); }

InstanceId Lease::instance() const {
  const std::lock_guard lock(mutex_);
  return instance_;
}

bool Lease::is_safe(InstanceId instance) const {
  const auto now = options_.clock();
  const std::lock_guard lock(mutex_);
  return instance == instance_ && now - renewed_at_ < options_.duration - options_.margin;
}

bool Lease::may_judge_others() const {
  const auto now = options_.clock();
  const std::lock_guard lock(mutex_);
  return now >= patient_until_ && now - renewed_at_ < 2 * options_.renew_every;
}

void Lease::touch(Connection& connection) const { connection.run(touching, Parameters(instance())); }

Figures::LeaseFigures Lease::figures() const {
  const auto now = options_.clock();
  const std::lock_guard lock(mutex_);
  const auto left = options_.duration - options_.margin - (now - renewed_at_);
  return {std::max(left, std::chrono::milliseconds(0)), lost_};
}

void Lease::give_up() {
  stop();
  try {
    session_.connection().run(end, Parameters(instance_));
  } catch (const Error& error) {
    log::warn("the database is away; what this instance had is taken over when its lease has run out: {}",
              error.what());
  }
  session_.close();
}

void Lease::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_requested_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Lease::run() noexcept {
  try {
    auto pause = options_.renew_every;
    std::unique_lock lock(mutex_);
    while (!stop_requested_.wait_for(lock, pause, [this] { return stopping_; })) {
      lock.unlock();
      pause = try_to_renew() ? options_.renew_every : std::min(options_.renew_every, pause_after_failure);
      lock.lock();
    }
  } catch (...) {
    end_process("renewing the lease", std::current_exception());
  }
}

// Whatever goes wrong, the lease has not been renewed: when it has run out, nothing is sent any more.
bool Lease::try_to_renew() {
  std::optional<std::string> failure;
  try {
    renew();
  } catch (const Error& error) {
    session_.note(error);
    failure = error.what();
  } catch (const std::exception& error) {
    session_.close();  // in whatever state it is
    failure = error.what();
  } catch (...) {
    session_.close();
    failure = "an unknown error";
  }
  if (failure && !failing_) log::warn("the lease cannot be renewed; without it nothing is sent: {}", *failure);
  if (!failure && failing_) log::info("the lease is renewed again");
  failing_ = failure.has_value();
  return !failing_;
}

void Lease::renew() {
  const auto began = options_.clock();
  Connection& connection = session_.connection();
  auto instance = instance_;  // nobody else changes it
  if (connection.run(renewal, Parameters(instance, options_.duration)).changed() == 0) {
    instance = register_instance(connection, options_.duration);
    log::warn("this instance was away for too long, and others took over what it had; it goes on as a new one");
  }
  const std::lock_guard lock(mutex_);
  if (began - renewed_at_ >= 2 * options_.renew_every) patient_until_ = options_.clock() + options_.patience;
  if (instance != instance_) ++lost_;
  instance_ = instance;
  renewed_at_ = began;
}

}  // namespace afterword::store::postgres
