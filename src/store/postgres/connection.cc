#include "store/postgres/connection.h"

#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace afterword::store::postgres {
namespace {

// Of one round trip. Statements have a shorter limit of their own, which the server keeps.
constexpr std::chrono::seconds longest_run{15};

// A paused instance must not hold locks that others wait for; a plan must not turn into a scan of the whole table
// because it was made while that was small (and where there is nothing to do but to scan a small table, that looks so
// dear then that it would be compiled first).
constexpr const char* session_settings =
    "SET search_path = afterword;"
    "SET default_transaction_isolation = 'read committed';"
    "SET statement_timeout = '10s';"
    "SET lock_timeout = '5s';"
    "SET idle_in_transaction_session_timeout = '5s';"
    "SET client_min_messages = 'warning';"
    "SET jit = off;"
    "SET enable_seqscan = off;"
    "SET enable_hashjoin = off;"
    "SET enable_mergejoin = off";

// libpq's messages end in a line break, and may have several lines.
std::string one_line(std::string_view message) {
  std::string line;
  for (const char letter : message) line += letter == '\n' ? ' ' : letter;
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

Error::Kind kind_of(std::string_view sqlstate) {
  if (sqlstate == "40P01" || sqlstate == "40001") return Error::Kind::conflict;
  // Shut down, or not the primary any more: another connection may find the one that is.
  if (sqlstate.starts_with("57P") || sqlstate == "25006" || sqlstate.starts_with("08")) return Error::Kind::lost;
  return Error::Kind::refused;
}

}  // namespace

std::int64_t Rows::changed() const {
  const std::string_view text = ::PQcmdTuples(result_.get());
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

std::string_view Rows::bytes(int row, int column) const {
  return {::PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(::PQgetlength(result_.get(), row, column))};
}

std::int64_t Rows::integer(int row, int column) const {
  const auto value = bytes(row, column);
  const auto* data = reinterpret_cast<const unsigned char*>(value.data());
  switch (value.size()) {
    case 2:
      return boost::endian::load_big_s16(data);
    case 4:
      return boost::endian::load_big_s32(data);
    case 8:
      return boost::endian::load_big_s64(data);
    default:
      throw std::logic_error("not a column of integers");
  }
}

domain::DelayId Rows::delay_id(int row, int column) const {
  domain::DelayId::Bytes id{};
  const auto value = bytes(row, column);
  std::memcpy(id.data(), value.data(), std::min(id.size(), value.size()));
  return domain::DelayId(id);
}

void Connection::Finish::operator()(PGconn* handle) const noexcept {
  if (handle != nullptr) ::PQfinish(handle);
}

Connection::Connection(const Target& target, const std::string& name) {
  // What stands before dbname, the URL may say otherwise.
  const std::array<const char*, 9> keywords{"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                            "keepalives_count", "tcp_user_timeout", "target_session_attrs",
                                            "dbname",           "application_name", nullptr};
  const std::array<const char*, 9> values{"5",          "5",    "2", "3", "10000", "read-write", target.url().c_str(),
                                          name.c_str(), nullptr};
  handle_.reset(::PQconnectdbParams(keywords.data(), values.data(), 1));
  if (::PQstatus(handle_.get()) != CONNECTION_OK) {
    throw Error(Error::Kind::lost, one_line(::PQerrorMessage(handle_.get())));
  }
  ::PQsetNoticeProcessor(
      handle_.get(), [](void*, const char*) {}, nullptr);
  execute(session_settings);
  // Both sides may have more to say than the socket holds.
  if (::PQsetnonblocking(handle_.get(), 1) != 0 || ::PQenterPipelineMode(handle_.get()) != 1) lose("no pipeline");
}

void Connection::execute(const std::string& sql) {
  const bool pipelined = ::PQpipelineStatus(handle_.get()) != PQ_PIPELINE_OFF;
  if (pipelined) ::PQexitPipelineMode(handle_.get());
  const Rows result(::PQexec(handle_.get(), sql.c_str()));
  (void)result;
  const std::string error = one_line(::PQerrorMessage(handle_.get()));
  if (::PQstatus(handle_.get()) != CONNECTION_OK) throw Error(Error::Kind::lost, error);
  if (!error.empty()) {
    ::PQclear(::PQexec(handle_.get(), "ROLLBACK"));
    if (pipelined) ::PQenterPipelineMode(handle_.get());
    throw Error(Error::Kind::refused, error);
  }
  if (pipelined) ::PQenterPipelineMode(handle_.get());
}

std::size_t Connection::send(const Statement& statement, const Parameters& parameters) {
  if (prepared_.insert(statement.name).second) {
    if (::PQsendPrepare(handle_.get(), statement.name, statement.sql.c_str(), 0, nullptr) != 1) lose("cannot send");
    sent_.push_back(false);
  }
  const auto& given = parameters.values();
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(given.size(), 1);
  for (const auto& value : given) {
    values.push_back(value ? value->data() : nullptr);
    lengths.push_back(value ? static_cast<int>(value->size()) : 0);
  }
  if (::PQsendQueryPrepared(handle_.get(), statement.name, static_cast<int>(given.size()), values.data(),
                            lengths.data(), formats.data(), 1) != 1) {
    lose("cannot send");
  }
  sent_.push_back(true);
  return static_cast<std::size_t>(std::count(sent_.begin(), sent_.end(), true)) - 1;
}

void Connection::end_unit() {
  if (::PQpipelineSync(handle_.get()) != 1) lose("cannot send");
  units_.push_back(std::exchange(sent_, {}));
}

std::vector<Rows> Connection::run() {
  end_unit();
  return take();
}

std::vector<Rows> Connection::take() {
  const Unit sent = std::move(units_.front());
  units_.pop_front();
  std::string error;
  std::string code;
  auto rows = take_results(sent, std::chrono::steady_clock::now() + longest_run, error, code);
  const auto kind = kind_of(code);
  if (!error.empty() && kind == Error::Kind::lost) lose(error);
  unit_failed_ = unit_failed_ || !error.empty();
  // Answers come in the order of what was sent, so this waits for those of all units.
  if (unit_failed_ && units_.empty()) roll_back();
  if (!error.empty()) throw Error(kind, error);
  return rows;
}

Rows Connection::run(const Statement& statement, const Parameters& parameters) {
  send(statement, parameters);
  return std::move(run().front());
}

std::vector<Rows> Connection::take_results(const Unit& sent, Deadline deadline, std::string& error, std::string& code) {
  std::vector<Rows> all;
  for (const bool is_statement : sent) {
    wait_for_result(deadline);
    PGresult* result = ::PQgetResult(handle_.get());
    Rows rows(result);
    const auto status = ::PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && error.empty()) {
      const char* const sqlstate = ::PQresultErrorField(result, PG_DIAG_SQLSTATE);
      code = sqlstate == nullptr ? "" : sqlstate;
      if (sqlstate == nullptr) lose(::PQresultErrorMessage(result));
      error = one_line(::PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));  // without the statement's text
    }
    if (is_statement) all.push_back(std::move(rows));
    wait_for_result(deadline);
    ::PQclear(::PQgetResult(handle_.get()));  // the end of its results
  }
  wait_for_result(deadline);
  PGresult* const end = ::PQgetResult(handle_.get());
  const Rows ended(end);
  if (::PQresultStatus(end) != PGRES_PIPELINE_SYNC) lose("the server's answers are out of step");
  return all;
}

void Connection::wait_for_result(Deadline deadline) {
  PGconn* const handle = handle_.get();
  while (true) {
    const int unsent = ::PQflush(handle);
    if (unsent < 0) lose(::PQerrorMessage(handle));
    if (unsent == 0 && ::PQisBusy(handle) == 0) return;
    pollfd socket{::PQsocket(handle), POLLIN, 0};
    if (unsent > 0) socket.events |= POLLOUT;
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (left_ms <= 0) lose("the server does not answer");
    ::poll(&socket, 1, static_cast<int>(left_ms));
    if ((socket.revents & ~POLLOUT) != 0 && ::PQconsumeInput(handle) == 0) lose(::PQerrorMessage(handle));
  }
}

void Connection::roll_back() {
  // Which statements were prepared before the error is not worth knowing.
  unit_failed_ = false;
  prepared_.clear();
  const auto run_unprepared = [this](const char* sql) {
    if (::PQsendQueryParams(handle_.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, 1) != 1) lose("cannot send");
    sent_.push_back(true);
  };
  if (::PQtransactionStatus(handle_.get()) != PQTRANS_IDLE) run_unprepared("ROLLBACK");
  run_unprepared("DEALLOCATE ALL");
  if (::PQpipelineSync(handle_.get()) != 1) lose("cannot send");
  std::string error;
  std::string code;
  take_results(std::exchange(sent_, {}), std::chrono::steady_clock::now() + longest_run, error, code);
  if (!error.empty()) lose(error);
}

void Connection::lose(std::string_view reason) {
  const std::string text = one_line(reason);
  // What has not left yet must not take effect later.
  const linger at_once{1, 0};
  if (handle_) ::setsockopt(::PQsocket(handle_.get()), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  handle_.reset();
  throw Error(Error::Kind::lost, text.empty() ? "the connection is lost" : text);
}

}  // namespace afterword::store::postgres
