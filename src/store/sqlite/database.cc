#include "store/sqlite/database.h"

#include "store/sqlite/log_file.h"
#include "store/sqlite/memory.h"

#include <sqlite3.h>

#include <algorithm>

namespace afterword::store::sqlite {

void Database::Close::operator()(sqlite3* handle) const noexcept { sqlite3_close(handle); }

Error Error::damage(const std::string& text) { return {SQLITE_CORRUPT, text}; }

bool Error::is_damage() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

Timestamp stored_timestamp(std::int64_t ms) {
  if (ms > max_json_integer || ms < -max_json_integer) throw Error::damage("a row holds an impossible time");
  return from_ms(ms);
}

Database Database::open(const std::filesystem::path& path) {
  set_up_memory();
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs_with_gathered_log());
  Database database(handle);
  if (code != SQLITE_OK) database.fail(code);
  // What an index is sorted by, and what a statement may have to undo. There may be no folder for it: of a container
  // the database's own may be all that can be written to.
  database.execute("PRAGMA temp_store = MEMORY");
  return database;
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::query_integer(std::string_view sql) {
  Statement statement(*this, sql);
  Rows rows = statement.query();
  rows.next();
  return rows.integer(0);
}

std::int64_t Database::last_inserted_id() const { return sqlite3_last_insert_rowid(handle_.get()); }

std::int64_t Database::changed_rows() const { return sqlite3_changes64(handle_.get()); }

bool Database::has_written() const { return sqlite3_txn_state(handle_.get(), nullptr) == SQLITE_TXN_WRITE; }

void Database::roll_back() noexcept {
  if (sqlite3_get_autocommit(handle_.get()) == 0) {
    sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

std::filesystem::path Database::path() const { return sqlite3_db_filename(handle_.get(), "main"); }

void Database::leave_alone() noexcept {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Database::fail(int code) const {
  // The handle is missing only when there was no memory for it.
  throw Error(code & 0xff, handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
}

void Statement::Finalize::operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }

Statement::Statement(Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* handle = nullptr;
  check(sqlite3_prepare_v3(database.handle_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                           &handle, nullptr));
  handle_.reset(handle);
}

void Statement::bind(int place, std::int64_t value) { check(sqlite3_bind_int64(handle_.get(), place, value)); }

void Statement::bind(int place, std::string_view text) {
  // Never a null pointer, which would bind NULL.
  const char* data = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(handle_.get(), place, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int place, Blob bytes) {
  const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
  check(sqlite3_bind_blob64(handle_.get(), place, data, bytes.size(), SQLITE_STATIC));
}

void Statement::bind(int place, std::nullopt_t) { check(sqlite3_bind_null(handle_.get(), place)); }

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_->fail(code);
}

void Statement::run_to_end() {
  // Resets it also when a step fails.
  Rows rows(*this);
  while (rows.next()) {
  }
}

// The code that it answers is that of the latest step, which was seen then.
void Statement::reset() noexcept {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());  // what they were bound to may go now
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_->fail(code);
}

bool Rows::is_null(int column) const { return sqlite3_column_type(statement_->handle_.get(), column) == SQLITE_NULL; }

std::int64_t Rows::integer(int column) const { return sqlite3_column_int64(statement_->handle_.get(), column); }

std::string Rows::text(int column) const {
  sqlite3_stmt* handle = statement_->handle_.get();
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle, column));
  return data == nullptr ? std::string()
                         : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(handle, column)));
}

domain::DelayId Rows::delay_id(int column) const {
  domain::DelayId::Bytes id{};
  const Blob stored = bytes(column);
  if (stored.size() != id.size()) throw Error::damage("a row holds no delay_id");
  std::ranges::copy(stored, id.begin());
  return domain::DelayId(id);
}

Blob Rows::bytes(int column) const {
  sqlite3_stmt* handle = statement_->handle_.get();
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle, column))};
}

}  // namespace afterword::store::sqlite
