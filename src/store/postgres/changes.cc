#include "store/postgres/changes.h"

#include "store/postgres/restarts.h"
#include "store/postgres/transaction.h"

#include <exception>
#include <optional>
#include <utility>

namespace afterword::store::postgres {
namespace {

// How often a transaction is tried that is in conflict with others.
constexpr int max_tries = 4;

}  // namespace

Changes::Changes(Target target, const Lease& lease) : session_(std::move(target), "changes"), lease_(lease) {}

void Changes::commit(std::span<Operation* const> operations) {
  Change::Batch batch;
  for (Operation* operation : operations) static_cast<Change*>(operation)->join(batch);
  if (closed_) {
    for (Operation* operation : operations) operation->fail("the store is closed");
  } else if (!batch.empty() || !doubts_.empty()) {
    commit({operations.begin(), operations.end()}, batch);
  }
  if (batch.closing) {
    closed_ = true;
    session_.close();
  }
}

void Changes::commit(std::vector<Operation*> unanswered, Change::Batch& batch) {
  const auto instance = lease_.instance();
  for (int tries = 1;; ++tries) {
    std::optional<Transaction> transaction;
    try {
      Connection& connection = session_.connection();
      doubts_.settle(connection);
      if (batch.restarts_alone() && !batch.empty()) {
        batch.restarts = restart(connection, batch.restarts);
        unanswered.assign(batch.restarts.begin(), batch.restarts.end());
      }
      if (!batch.empty()) transaction.emplace(connection, instance, batch).perform();
      return commit_log_.note_committed();
    } catch (const Error& error) {
      if (error.kind() == Error::Kind::conflict && tries < max_tries) continue;
      if (error.kind() == Error::Kind::lost && transaction && transaction->committing()) {
        doubts_.remember(session_.name(), instance, batch);
      }
      session_.note(error);
      for (Operation* operation : unanswered) operation->fail(error.what());
      ++failed_commits_;
      return commit_log_.note_failed(error.what());
    } catch (const std::exception& error) {
      session_.close();  // in whatever state it is
      for (Operation* operation : unanswered) operation->fail(error.what());
      ++failed_commits_;
      return commit_log_.note_failed(error.what());
    }
  }
}

}  // namespace afterword::store::postgres
