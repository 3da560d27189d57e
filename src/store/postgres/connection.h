// libpq as C++: a connection in pipeline mode, its prepared statements, and its errors as exceptions.
//
// Statements are sent without waiting and answered together: one round trip for as many as belong together. An error
// concerns them all, so it unwinds to whoever sent them, and is made a value there.
// Lifecycle: connected from its making on, until Error says that it is lost; then only to be destroyed.
// Thread: one at a time. Blocks, but never without a time limit.
#pragma once

#include "domain/ids.h"
#include "store/postgres/parameters.h"
#include "store/postgres/target.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace afterword::store::postgres {

class Error : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    refused,   // by the server: nothing of what was sent together took effect
    conflict,  // with another transaction: to be done again
    lost,      // the connection: what was sent last may have taken effect or not
  };
  Error(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// Prepared at its first use on a connection.
struct Statement {
  const char* name;
  std::string sql;
};
inline const Statement begin_transaction{"begin", "BEGIN"};
inline const Statement commit_transaction{"commit", "COMMIT"};

// The rows of one statement.
class Rows {
 public:
  explicit Rows(PGresult* result) : result_(result) {}

  int size() const { return ::PQntuples(result_.get()); }
  bool empty() const { return size() == 0; }
  std::int64_t changed() const;  // by a statement that changes rows

  bool is_null(int row, int column) const { return ::PQgetisnull(result_.get(), row, column) != 0; }
  std::int64_t integer(int row, int column) const;
  bool boolean(int row, int column) const { return bytes(row, column) == std::string_view("\1", 1); }
  std::string_view bytes(int row, int column) const;
  class Row;
  Row at(int row) const;
  std::string text(int row, int column) const { return std::string(bytes(row, column)); }
  domain::DelayId delay_id(int row, int column) const;
  Timestamp timestamp(int row, int column) const { return from_ms(integer(row, column)); }
  WallTime wall_time(int row, int column) const { return wall_from_ms(integer(row, column)); }
  Milliseconds milliseconds(int row, int column) const { return Milliseconds(integer(row, column)); }
  // `last`: the greatest of that type. Throws Error for what is none of them, which Afterword never writes: as lost,
  // because whoever reads it does not end its transaction.
  template <class Enumeration>
  Enumeration enumerator(int row, int column, Enumeration last) const {
    const std::int64_t number = integer(row, column);
    if (number < 0 || number > static_cast<std::int64_t>(last)) {
      throw Error(Error::Kind::lost, "the database is damaged: a row holds an unknown number");
    }
    return static_cast<Enumeration>(number);
  }

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { ::PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// One of them.
class Rows::Row {
 public:
  Row(const Rows& rows, int row) : rows_(rows), row_(row) {}

  bool is_null(int column) const { return rows_.is_null(row_, column); }
  std::int64_t integer(int column) const { return rows_.integer(row_, column); }
  bool boolean(int column) const { return rows_.boolean(row_, column); }
  std::string_view bytes(int column) const { return rows_.bytes(row_, column); }
  std::string text(int column) const { return rows_.text(row_, column); }
  domain::DelayId delay_id(int column) const { return rows_.delay_id(row_, column); }
  Timestamp timestamp(int column) const { return rows_.timestamp(row_, column); }
  WallTime wall_time(int column) const { return rows_.wall_time(row_, column); }
  Milliseconds milliseconds(int column) const { return rows_.milliseconds(row_, column); }
  template <class Enumeration>
  Enumeration enumerator(int column, Enumeration last) const {
    return rows_.enumerator(row_, column, last);
  }

 private:
  const Rows& rows_;
  int row_;
};

inline Rows::Row Rows::at(int row) const { return {*this, row}; }

class Connection {
 public:
  // `name` is its application_name, by which others can tell it.
  Connection(const Target& target, const std::string& name);

  // Adds a statement to what run() sends. It is run as it is, without a transaction of its own. Answers its place in
  // what run() answers.
  std::size_t send(const Statement& statement, const Parameters& parameters = Parameters());
  // The rows of all that was sent, in its order. After an Error there is no transaction any more.
  std::vector<Rows> run();

  // run() in two halves, between which more can be sent: what was sent since the last end_unit() succeeds or fails by
  // itself, and take() answers the oldest unit that it has not answered, as soon as that is done.
  void end_unit();
  std::vector<Rows> take();
  Rows run(const Statement& statement, const Parameters& parameters = Parameters());

  // Statements without parameters, for start-up.
  void execute(const std::string& sql);

 private:
  struct Finish {
    void operator()(PGconn* handle) const noexcept;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  using Unit = std::vector<bool>;  // whether each was a statement; else it prepared the one behind it

  std::vector<Rows> take_results(const Unit& sent, Deadline deadline, std::string& error, std::string& code);
  void wait_for_result(Deadline deadline);
  void roll_back();
  [[noreturn]] void lose(std::string_view reason);

  std::unique_ptr<PGconn, Finish> handle_;
  Unit sent_;               // since the last end_unit()
  std::deque<Unit> units_;  // that take() has not answered
  bool unit_failed_ = false;
  std::unordered_set<std::string_view> prepared_;
};

}  // namespace afterword::store::postgres
