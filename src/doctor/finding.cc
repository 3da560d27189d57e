#include "doctor/finding.h"

#include "base/json.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace afterword::doctor {

std::string_view to_text(Verdict verdict) {
  constexpr std::string_view texts[] = {"ok", "warning", "failed"};
  return texts[static_cast<std::size_t>(verdict)];
}

Verdict worst_of(const Findings& findings) {
  Verdict worst = Verdict::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.verdict);
  return worst;
}

std::string to_text(const Finding& finding) {
  const std::string_view verdict = finding.verdict == Verdict::failed ? "FAILED" : to_text(finding.verdict);
  std::string text = fmt::format("{:<9}{:<15}{}\n", verdict, finding.name, finding.detail);
  if (!finding.fix.empty()) text += fmt::format("{:<24}-> {}\n", "", finding.fix);
  return text;
}

std::string to_json_text(const Findings& findings) {
  json::array all;
  for (const Finding& finding : findings) {
    json::object one;
    one["check"] = finding.name;
    one["verdict"] = std::string(to_text(finding.verdict));
    one["detail"] = finding.detail;
    one["fix"] = nullptr;
    if (!finding.fix.empty()) one["fix"] = finding.fix;
    all.push_back(std::move(one));
  }
  json::object result;
  result["worst"] = std::string(to_text(worst_of(findings)));
  result["findings"] = std::move(all);
  return afterword::to_text(result) + '\n';
}

}  // namespace afterword::doctor
