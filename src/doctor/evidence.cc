#include "doctor/evidence.h"

#include "base/text.h"

#include <algorithm>
#include <utility>

namespace afterword::doctor {

std::string printable(std::string_view text) {
  constexpr std::size_t most = 255;
  std::string result(text.substr(0, most));
  std::erase_if(result, is_control);
  return result;
}

void Evidence::add(Question question, std::vector<Answer> answers) {
  asked_.push_back({std::move(question), std::move(answers)});
}

const Answer& Evidence::answer(const Question& question) const {
  static const Answer none{.reason = "it was not asked"};
  const Asked* const asked = find(question);
  return asked == nullptr || asked->answers.empty() ? none : asked->answers.front();
}

const std::vector<Answer>& Evidence::answers(const Question& question) const {
  static const std::vector<Answer> none;
  const Asked* const asked = find(question);
  return asked == nullptr ? none : asked->answers;
}

const Evidence::Asked* Evidence::find(const Question& question) const {
  const auto found = std::ranges::find(asked_, question, &Asked::question);
  return found == asked_.end() ? nullptr : &*found;
}

}  // namespace afterword::doctor
