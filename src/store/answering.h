// A verb of a batch and its answer: what the backends' operations have in common.
//
// `Base` is the backend's kind of Operation. Lifecycle: lives in the frame of the task that asks; it has an answer when
// GroupCommit::submit() has ended.
#pragma once

#include "store/group_commit.h"
#include "store/store.h"

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace afterword::store {

template <class Base, class Answer>
class Answering : public Base {
 public:
  void fail(const std::string& reason) override { answer_.emplace(Unavailable{reason}); }
  StoreResult<Answer> take_answer() { return *std::move(answer_); }

 protected:
  template <class... Arguments>
  void answer(Arguments&&... arguments) {
    answer_.emplace(StoreResult<Answer>(std::forward<Arguments>(arguments)...));
  }

  // Answers what `verb` answers.
  template <class Verb, class... Arguments>
  void answer_with(Verb& verb, Arguments&... arguments) {
    if constexpr (std::is_void_v<Answer>) {
      verb(arguments...);
      answer();
    } else {
      answer(verb(arguments...));
    }
  }

 private:
  std::optional<StoreResult<Answer>> answer_;
};

}  // namespace afterword::store
