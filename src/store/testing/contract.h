// What every backend of the store must do: a suite that each instantiates with its own ways to be opened.
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, Values(Variant{"plain", make_backend}, …), name_of_variant);
#pragma once

#include "store/store.h"
#include "store/testing/run.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace afterword::store::testing {

// One database of a test, which may be opened again when it was closed.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Store> open(async::Executor executor) = 0;
};

struct Variant {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
  bool reopen_after_every_verb = false;
};
std::string name_of_variant(const ::testing::TestParamInfo<Variant>& info);
void PrintTo(const Variant& variant, std::ostream* stream);

class StoreContract : public ::testing::TestWithParam<Variant> {
 protected:
  StoreContract();
  ~StoreContract() override;

  Store& store() { return *store_; }
  // Closes and opens it, and takes over what is active, as a start does.
  void reopen();

  // Performs one verb, which must succeed.
  template <class T>
  T answer(Task<StoreResult<T>> verb) {
    auto result = runner_.run(std::move(verb));
    if (GetParam().reopen_after_every_verb) reopen();
    if constexpr (!std::is_void_v<T>) {
      return std::move(result).value();
    } else {
      result.value();
    }
  }

  // Performs verbs at once, which must all succeed.
  template <class T>
  std::vector<T> answers(std::vector<Task<StoreResult<T>>> verbs) {
    std::vector<T> values;
    for (auto& result : runner_.run_together(std::move(verbs))) values.push_back(std::move(result).value());
    if (GetParam().reopen_after_every_verb) reopen();
    return values;
  }

  // An event that is now in that state.
  DelayId event_in(domain::State state, domain::NewDelayedEvent event);
  DelayId scheduled(domain::NewDelayedEvent event) { return event_in(domain::State::scheduled, std::move(event)); }
  domain::DelayedEvent look_up(DelayId delay_id);
  // In company, it shares its commit with another verb: restarts alone may be performed in another way.
  ActionAnswer restart(DelayId delay_id, std::optional<UserId> caller, Timestamp now, bool in_company);

  Runner runner_;
  std::vector<Adopted> adopted_;  // by the latest reopen()

 private:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Store> store_;
};

}  // namespace afterword::store::testing
