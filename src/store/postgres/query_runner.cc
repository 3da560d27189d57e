#include "store/postgres/query_runner.h"

#include <exception>
#include <utility>

namespace afterword::store::postgres {
namespace {

class CloseQueries final : public Query {
 public:
  explicit CloseQueries(std::function<void()> at_end) : at_end_(std::move(at_end)) {}
  void fail(const std::string&) override {}
  bool close() override {
    if (at_end_) at_end_();
    return true;
  }

 private:
  std::function<void()> at_end_;
};

}  // namespace

QueryRunner::QueryRunner(async::Executor executor, const Target& target, const char* purpose, Prepare prepare)
    : session_(target, purpose),
      prepare_(std::move(prepare)),
      batches_(std::move(executor), CommitOn::own_thread, [this](auto batch) { run(batch); }) {}

Task<void> QueryRunner::close(std::function<void()> at_end) {
  CloseQueries last(std::move(at_end));
  co_await batches_.submit(last);
}

void QueryRunner::run(std::span<Operation* const> batch) {
  Waiting waiting;
  for (Operation* operation : batch) waiting.push_back(static_cast<Query*>(operation));
  bool may_be_stale = session_.is_connected();  // it may have been lost since it was last used
  while (!waiting.empty()) {
    try {
      run_some(waiting);
    } catch (const Error& error) {
      session_.note(error);
      const bool was_stale = std::exchange(may_be_stale, false) && !session_.is_connected();
      if (!was_stale || !waiting.front()->is_question()) fail_first(waiting, error.what());
    } catch (const std::exception& error) {
      session_.close();  // in whatever state it is
      fail_first(waiting, error.what());
    }
  }
}

// Runs the questions up to the first query that has to run by itself; or that one, if it comes first. What this throws
// is about the first query that is left.
void QueryRunner::run_some(Waiting& waiting) {
  if (closed_) return fail_first(waiting, "the store is closed");
  if (waiting.front()->close()) {
    closed_ = true;
    session_.close();
    return answered(waiting);
  }
  Connection& connection = session_.connection();
  if (prepare_) prepare_(session_);
  std::size_t asked = 0;
  while (asked < waiting.size() && waiting[asked]->is_question()) waiting[asked++]->ask(connection);
  if (asked == 0) {
    waiting.front()->perform(session_);
    return answered(waiting);
  }
  for (; asked > 0; --asked) {
    std::vector<Rows> rows;
    try {
      rows = connection.take();
      waiting.front()->read(rows.front());
      answered(waiting);
    } catch (const Error& error) {
      // A refusal, or a row that cannot be read, is about this one alone.
      if (rows.empty() && error.kind() == Error::Kind::lost) throw;
      fail_first(waiting, error.what());
    }
  }
}

void QueryRunner::fail_first(Waiting& waiting, const char* reason) {
  waiting.front()->fail(reason);
  answered(waiting);
}

void QueryRunner::answered(Waiting& waiting) {
  Query* query = waiting.front();
  waiting.pop_front();
  batches_.complete(*query);
}

}  // namespace afterword::store::postgres
