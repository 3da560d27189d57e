// Whether Afterword can listen where it shall, and whether one does already.
#include "doctor/checks.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "listen";

// Afterword answers it by itself, also while the homeserver is away.
const Question without_token{.target = "/_matrix/client/v1/delayed_events/-", .to = Question::To::afterword};

std::vector<Question> questions(const Evidence&) { return {without_token}; }

// The user who runs the check may have other rights than Afterword's, so of these nothing is said.
Findings judge_sockets(const std::vector<SocketSeen>& sockets) {
  Findings findings;
  for (const SocketSeen& socket : sockets) {
    if (!socket.has_folder) {
      findings.push_back({name, Verdict::failed, socket.folder + " is no folder",
                          "make it, for Afterword's user to write in, or correct listen"});
    } else if (socket.is_another_file) {
      findings.push_back(
          {name, Verdict::failed, socket.path + " is a file that is not a socket", "move it away, or correct listen"});
    }
  }
  return findings;
}

Findings judge(const Evidence& evidence) {
  Findings findings = judge_sockets(evidence.sockets);
  if (!findings.empty()) return findings;
  const std::string where = first_address(evidence.configuration);
  if (afterword_runs(evidence)) return {{name, Verdict::ok, "Afterword runs at " + where}};
  const Answer& answer = evidence.answer(without_token);
  if (answer.status == 0) return {{name, Verdict::ok, "Afterword does not run at " + where}};
  return {{name, Verdict::failed,
           fmt::format("what listens at {} is not Afterword: it answers {}", where, answer.status),
           "end it, or choose another address in listen"}};
}

}  // namespace

const Check listen_check{name, false, questions, judge};

bool afterword_runs(const Evidence& evidence) {
  const Answer& answer = evidence.answer(without_token);
  return answer.status == 401 && answer.errcode() == "M_MISSING_TOKEN";
}

}  // namespace afterword::doctor
