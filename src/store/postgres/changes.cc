#include "store/postgres/changes.h"

#include "base/log.h"
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
    commit(operations, batch);
  }
  if (batch.closing) {
    closed_ = true;
    session_.close();
  }
}

void Changes::commit(std::span<Operation* const> operations, const Change::Batch& batch) {
  const auto instance = lease_.instance();
  for (int tries = 1;; ++tries) {
    std::optional<Transaction> transaction;
    try {
      Connection& connection = session_.connection();
      doubts_.settle(connection);
      if (!batch.empty()) transaction.emplace(connection, instance, batch).perform();
      return note_outcome(true, "");
    } catch (const Error& error) {
      if (error.kind() == Error::Kind::conflict && tries < max_tries) continue;
      if (error.kind() == Error::Kind::lost && transaction && transaction->committing()) {
        doubts_.remember(session_.name(), instance, batch);
      }
      session_.note(error);
      for (Operation* operation : operations) operation->fail(error.what());
      return note_outcome(false, error.what());
    } catch (const std::exception& error) {
      session_.close();  // in whatever state it is
      for (Operation* operation : operations) operation->fail(error.what());
      return note_outcome(false, error.what());
    }
  }
}

// One line when it begins to fail and one when it is over, however many batches lie between.
void Changes::note_outcome(bool committed, const char* reason) {
  if (failing_ != committed) return;
  failing_ = !committed;
  if (committed) {
    log::info("the database takes changes again");
  } else {
    log::error("the database does not take changes: {}", reason);
  }
}

}  // namespace afterword::store::postgres
