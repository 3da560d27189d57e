#include "store/postgres/session.h"

namespace afterword::store::postgres {
namespace {

constexpr std::chrono::milliseconds pause_after_failure{250};

}  // namespace

Session::Session(Target target, std::string purpose) : target_(std::move(target)), purpose_(std::move(purpose)) {}

Connection& Session::connection() {
  if (connection_) return *connection_;
  if (std::chrono::steady_clock::now() < next_try_) throw Error(Error::Kind::lost, failure_);
  try {
    name_ = "afterword " + purpose_ + " " + domain::DelayId::random().to_string();
    return connection_.emplace(target_, name_);
  } catch (const Error& error) {
    failure_ = error.what();
    next_try_ = std::chrono::steady_clock::now() + pause_after_failure;
    throw;
  }
}

void Session::note(const Error& error) {
  if (error.kind() == Error::Kind::lost) connection_.reset();
}

void Session::close() { connection_.reset(); }

}  // namespace afterword::store::postgres
