// Asks queries on a connection of its own: all of a batch are sent at once, and each is answered as soon as its rows
// are there, however long those behind it take. What needs several round trips runs by itself, at its turn.
//
// A query that fails takes no other one with it: after a lost connection the rest are asked again on a new one, and so
// is the question that found out that a connection from earlier has gone.
// Thread: the one of its GroupCommit; submit() on the executor.
#pragma once

#include "store/answering.h"
#include "store/postgres/queries.h"
#include "store/postgres/session.h"

#include <deque>
#include <functional>
#include <span>
#include <utility>

namespace afterword::store::postgres {

class Query : public Operation {
 public:
  virtual bool is_question() const { return false; }  // one statement that changes nothing: ask() and read() do it
  virtual void ask(Connection&) {}                    // without waiting
  virtual void read(const Rows&) {}
  virtual void perform(Session&) {}
  virtual bool close() { return false; }  // true: it is the last one
};

class QueryRunner {
 public:
  // `prepare` comes before anything else that is asked at once.
  using Prepare = std::function<void(Session&)>;
  QueryRunner(async::Executor executor, const Target& target, const char* purpose, Prepare prepare = {});

  template <class Answer>
  Task<StoreResult<Answer>> ask(Question<Answer> question) {
    Asked<Answer> query(std::move(question));
    co_await batches_.submit(query);
    co_return query.take_answer();
  }

  // `procedure`: called with the Session, on the thread.
  template <class Answer, class Procedure>
  Task<StoreResult<Answer>> perform(Procedure procedure) {
    Performed<Answer, Procedure> query(std::move(procedure));
    co_await batches_.submit(query);
    co_return query.take_answer();
  }

  // Answers what was asked before. `at_end` is called on the thread.
  Task<void> close(std::function<void()> at_end = {});

 private:
  template <class Answer>
  class Asked final : public Answering<Query, Answer> {
   public:
    explicit Asked(Question<Answer> question) : question_(std::move(question)) {}
    bool is_question() const override { return true; }
    void ask(Connection& connection) override {
      connection.send(question_.statement, question_.parameters);
      connection.end_unit();
    }
    void read(const Rows& rows) override { this->answer_with(question_.read, rows); }

   private:
    Question<Answer> question_;
  };

  template <class Answer, class Procedure>
  class Performed final : public Answering<Query, Answer> {
   public:
    explicit Performed(Procedure procedure) : procedure_(std::move(procedure)) {}
    void perform(Session& session) override { this->answer_with(procedure_, session); }

   private:
    Procedure procedure_;
  };

  using Waiting = std::deque<Query*>;
  void run(std::span<Operation* const> batch);
  void run_some(Waiting& waiting);
  void fail_first(Waiting& waiting, const char* reason);
  void answered(Waiting& waiting);

  Session session_;
  const Prepare prepare_;
  bool closed_ = false;
  GroupCommit batches_;  // last, so that its thread ends first
};

}  // namespace afterword::store::postgres
