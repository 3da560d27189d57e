// Several stores on one database, as several instances have them.
#pragma once

#include "store/postgres/postgres_store.h"
#include "store/postgres/testing/server.h"
#include "store/testing/new_event.h"
#include "store/testing/run.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace afterword::store::postgres::testing {

using afterword::store::testing::alice;
using afterword::store::testing::new_event;
using afterword::store::testing::noon;
using afterword::store::testing::wall_noon;

class PostgresInstances : public ::testing::Test {
 protected:
  ~PostgresInstances() override {
    for (const auto& store : stores_) runner_.run(store->close());
  }

  Store& open(LeaseOptions lease = {}) {
    auto store = postgres::open(runner_.executor(), {.url = url_, .lease = std::move(lease)});
    if (store.has_error()) throw std::runtime_error(store.error());
    stores_.push_back(*std::move(store));
    return *stores_.back();
  }

  DelayId schedule(Store& store, Milliseconds delay = std::chrono::seconds(10)) {
    const auto event = new_event(alice, delay);
    answer(store.schedule(event, std::nullopt));
    return event.delay_id;
  }
  ClaimAnswer claim(Store& store, DelayId delay_id, Timestamp now = noon + std::chrono::seconds(10)) {
    const domain::Attempt attempt{to_wall(now, Milliseconds(0))};
    return answer(store.claim(delay_id, std::nullopt, attempt, now));
  }
  domain::State state_of(Store& store, DelayId delay_id) {
    return answer(store.look_up(delay_id, std::nullopt))->state;
  }
  std::vector<Adopted> adopt_all(Store& store) {
    std::vector<Adopted> all;
    while (true) {
      const auto some = answer(store.adopt());
      if (some.empty()) return all;
      all.insert(all.end(), some.begin(), some.end());
    }
  }

  template <class T>
  T answer(Task<StoreResult<T>> verb) {
    auto result = runner_.run(std::move(verb));
    if constexpr (!std::is_void_v<T>) {
      return std::move(result).value();
    } else {
      result.value();
    }
  }
  std::string ask(const std::string& sql) const { return Server::ask(url_, sql); }
  // As SQL has it.
  static std::string uuid(const DelayId& delay_id) {
    std::string hex;
    for (const auto byte : delay_id.bytes()) hex += fmt::format("{:02x}", byte);
    return "'" + hex + "'::uuid";
  }

  Server& server_ = Server::shared();
  std::string url_ = server_.make_database();
  afterword::store::testing::Runner runner_;
  std::vector<std::unique_ptr<Store>> stores_;
};

}  // namespace afterword::store::postgres::testing
