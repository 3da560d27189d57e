// Asks the homeserver, the Afterword that runs, and the token service, if there is one, what the checks want to know.
//
// Lifecycle: close() before its end, and before the executor's. The configuration must outlive it.
// Thread: its executor's only one.
#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "doctor/evidence.h"
#include "http/client.h"
#include "ops/configuration.h"

#include <optional>
#include <string>
#include <vector>

namespace afterword::doctor {

class Asker {
 public:
  Asker(async::Executor executor, const ops::Configuration& configuration);

  // As many answers as times it is asked.
  async::Task<std::vector<Answer>> ask(Question question);
  void close();

 private:
  async::Task<Answer> ask_once(Question question);
  http::Client& client_of(Question::To to);

  const ops::Configuration& configuration_;
  const std::string key_;  // of proofs
  async::SystemClock clock_;
  http::Client homeserver_;
  http::Client afterword_;
  std::optional<http::Client> token_service_;
};

}  // namespace afterword::doctor
