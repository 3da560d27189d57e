#include "doctor/examine.h"

#include "doctor/ask.h"
#include "doctor/checks.h"
#include "ops/registration.h"

#include <filesystem>
#include <utility>

namespace afterword::doctor {
namespace {

using async::Task;

SocketSeen look_at_socket(const std::string& socket) {
  const std::filesystem::path path = socket;
  std::error_code ignored;
  SocketSeen seen{.path = path.string(), .folder = path.has_parent_path() ? path.parent_path().string() : "."};
  seen.has_folder = std::filesystem::is_directory(seen.folder, ignored);
  const auto status = std::filesystem::symlink_status(path, ignored);
  seen.is_another_file = std::filesystem::exists(status) && !std::filesystem::is_socket(status);
  return seen;
}

// Asks what is not asked yet, and judges.
Task<Findings> make(const Check& check, Asker& asker, Evidence& evidence) {
  const std::vector<Question> questions =
      check.questions != nullptr ? check.questions(evidence) : std::vector<Question>();
  for (const Question& question : questions) {
    if (evidence.has(question)) continue;
    std::vector<Answer> answers = co_await asker.ask(question);
    evidence.add(question, std::move(answers));
  }
  co_return check.judge(evidence);
}

}  // namespace

Task<Findings> examine(async::Executor executor, const ops::Configuration& configuration,
                       LookAtDatabase look_at_database) {
  Findings findings;
  for (const std::string& warning : configuration.warnings) {
    findings.push_back({"configuration", Verdict::warning, warning});
  }

  Evidence evidence(configuration);
  // Its errors are those of the configuration, which was loaded.
  if (auto registration = ops::read_registration(configuration.registration)) {
    evidence.registration = *std::move(registration);
  }
  for (const http::Address& address : configuration.listen) {
    if (address.is_unix()) evidence.sockets.push_back(look_at_socket(address.unix_path));
  }
  evidence.database = co_await look_at_database(configuration);

  Asker asker(executor, configuration);
  bool has_homeserver = true;
  for (const Check* const check : all_checks()) {
    if (check->needs_homeserver && !has_homeserver) continue;
    const Findings found = co_await make(*check, asker, evidence);
    if (check == &homeserver_check) has_homeserver = worst_of(found) == Verdict::ok;
    findings.insert(findings.end(), found.begin(), found.end());
  }
  asker.close();
  co_return findings;
}

}  // namespace afterword::doctor
