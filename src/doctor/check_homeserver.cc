// Whether a homeserver answers at homeserver.url, and which.
#include "doctor/checks.h"
#include "doctor/product.h"

#include <fmt/format.h>

namespace afterword::doctor {
namespace {

constexpr const char* name = "homeserver";

std::vector<Question> questions(const Evidence&) { return questions_about_product(); }

Findings judge(const Evidence& evidence) {
  const std::string where = evidence.configuration.homeserver.url();
  const Answer& versions = evidence.answer(product_questions::versions);
  if (versions.status == 0) {
    const bool is_not_trusted = versions.reason.find("certificate verify failed") != std::string::npos;
    return {{name, Verdict::failed, fmt::format("no answer from {}: {}", where, versions.reason),
             is_not_trusted ? "name in homeserver.ca_file the certificate of whoever vouches for it"
                            : "start the homeserver, or correct homeserver.url"}};
  }
  if (versions.is_afterwords) {
    return {{name, Verdict::failed,
             fmt::format("{} leads back to Afterword, which would ask itself without end", where),
             "correct homeserver.url: it is the homeserver's own address, not that of Afterword or of its proxy"}};
  }
  if (versions.status != 200 || !versions.body.contains("versions")) {
    return {{name, Verdict::failed, fmt::format("{} answers {}, but not as a homeserver does", where, versions.status),
             "correct homeserver.url: it is the homeserver's own address, without a path"}};
  }
  return {{name, Verdict::ok, fmt::format("{} at {}", product_of(evidence).name, where)}};
}

}  // namespace

const Check homeserver_check{name, false, questions, judge};

}  // namespace afterword::doctor
