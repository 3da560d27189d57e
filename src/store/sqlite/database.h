// SQLite as C++: a connection, its statements, and their errors as exceptions.
//
// An error concerns the whole transaction, so it unwinds to whoever began it, and is made a value there.
// Thread: one at a time.
#pragma once

#include "base/time.h"
#include "domain/ids.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace afterword::store::sqlite {

using Blob = std::span<const std::uint8_t>;

class Error : public std::runtime_error {
 public:
  Error(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
  // What is stored is nothing that Afterword writes.
  static Error damage(const std::string& text);

  int code() const { return code_; }  // SQLITE_FULL, SQLITE_BUSY, …
  bool is_damage() const;             // of the file itself

 private:
  int code_;
};

// A time that was stored. Throws Error, as damage, for one that no clock shows, so that it can be reckoned with.
Timestamp stored_timestamp(std::int64_t ms);

class Database {
 public:
  // Makes the file if it does not exist.
  static Database open(const std::filesystem::path& path);

  // One statement or several, without parameters.
  void execute(const std::string& sql);
  // The first column of the first row.
  std::int64_t query_integer(std::string_view sql);

  std::int64_t last_inserted_id() const;
  std::int64_t changed_rows() const;  // by the latest statement that changed any

  // Whether the transaction has changed anything.
  bool has_written() const;

  std::filesystem::path path() const;

  // From now on the file is not changed any more, by closing it either: it is left to whoever repairs it.
  void leave_alone() noexcept;

  // Ends a transaction that cannot be committed. Nothing if there is none: SQLite ends some by itself.
  void roll_back() noexcept;

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  [[noreturn]] void fail(int code) const;

  std::unique_ptr<sqlite3, Close> handle_;
};

class Rows;

// A prepared statement, to be kept and run many times.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  // Binds the parameters in their order, and runs it to its end. Texts and bytes are not copied.
  template <class... Parameters>
  void run(const Parameters&... parameters) {
    int place = 0;
    (bind(++place, parameters), ...);
    run_to_end();
  }

  // The same, where `give` calls what it is given with each parameter's place, from 0 on, and its value.
  template <class Give>
  void run_given(Give give) {
    give([this](int place, const auto& value) { bind(place + 1, value); });
    run_to_end();
  }

  // Binds the parameters in their order; the rows are read from what this answers. Texts and bytes are not copied: they
  // outlive it.
  template <class... Parameters>
  Rows query(const Parameters&... parameters);

 private:
  friend class Rows;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const noexcept;
  };

  void bind(int place, std::int64_t value);
  void bind(int place, std::uint32_t value) { bind(place, static_cast<std::int64_t>(value)); }
  void bind(int place, int value) { bind(place, static_cast<std::int64_t>(value)); }
  void bind(int place, Timestamp value) { bind(place, to_ms(value)); }
  void bind(int place, WallTime value) { bind(place, to_ms(value)); }
  void bind(int place, Milliseconds value) { bind(place, value.count()); }
  void bind(int place, std::string_view text);
  void bind(int place, Blob bytes);
  void bind(int place, const domain::DelayId& id) { bind(place, Blob(id.bytes())); }
  void bind(int place, const domain::TransactionKey& key) { bind(place, Blob(key.digest)); }
  template <class Tag>
  void bind(int place, const domain::Id<Tag>& id) {
    bind(place, std::string_view(id.value));
  }
  void bind(int place, std::nullopt_t);
  template <class T>
  void bind(int place, const std::optional<T>& value) {
    value ? bind(place, *value) : bind(place, std::nullopt);
  }

  bool step();
  void run_to_end();
  void reset() noexcept;
  void check(int code) const;

  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// The rows of a query, one at a time. The statement can be used again when this is gone.
class Rows {
 public:
  explicit Rows(Statement& statement) : statement_(&statement) {}
  ~Rows() { statement_->reset(); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  bool next() { return statement_->step(); }

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Blob bytes(int column) const;  // until next()
  bool boolean(int column) const { return integer(column) != 0; }
  domain::DelayId delay_id(int column) const;

  Timestamp timestamp(int column) const { return stored_timestamp(integer(column)); }
  WallTime wall_time(int column) const { return WallTime(milliseconds(column)); }
  Milliseconds milliseconds(int column) const { return timestamp(column).time_since_epoch(); }
  // `last`: the greatest of that type. Throws Error, as damage, for what is none of them.
  template <class Enumeration>
  Enumeration enumerator(int column, Enumeration last) const {
    const std::int64_t number = integer(column);
    if (number < 0 || number > static_cast<std::int64_t>(last)) throw Error::damage("a row holds an unknown number");
    return static_cast<Enumeration>(number);
  }

 private:
  Statement* statement_;
};

template <class... Parameters>
Rows Statement::query(const Parameters&... parameters) {
  int place = 0;
  (bind(++place, parameters), ...);
  return Rows(*this);
}

}  // namespace afterword::store::sqlite
