#include "store/postgres/postgres_store.h"

#include "store/postgres/testing/server.h"
#include "store/testing/contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace afterword::store::postgres {
namespace {

using store::testing::Runner;
using store::testing::StoreContract;
using store::testing::Variant;
using testing::Server;

class PostgresBackend final : public store::testing::Backend {
 public:
  std::unique_ptr<Store> open(async::Executor executor) override {
    auto store = postgres::open(std::move(executor), {.url = url_});
    if (store.has_error()) throw std::runtime_error(store.error());
    return *std::move(store);
  }

 private:
  std::string url_ = Server::shared().make_database();
};

Variant variant(std::string name, bool reopen_after_every_verb) {
  return {std::move(name), [] { return std::make_unique<PostgresBackend>(); }, reopen_after_every_verb};
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract, ::testing::Values(variant("Plain", false), variant("Reopened", true)),
                         store::testing::name_of_variant);

}  // namespace
}  // namespace afterword::store::postgres
