// What the doctor has found: how bad it is, what it is, and what fixes it.
//
// Pure. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace afterword::doctor {

enum class Verdict : std::uint8_t { ok, warning, failed };  // from the best to the worst

std::string_view to_text(Verdict verdict);

struct Finding {
  std::string name;  // of the check that found it
  Verdict verdict = Verdict::ok;
  std::string detail;
  std::string fix{};  // empty if nothing is wrong
};
using Findings = std::vector<Finding>;

Verdict worst_of(const Findings& findings);

// A line, and the fix on one of its own.
std::string to_text(const Finding& finding);

// All of them as one JSON object in one line; docs/operations.md has its keys.
std::string to_json_text(const Findings& findings);

}  // namespace afterword::doctor
