#include "targets.h"

#include <algorithm>

namespace afterword::fuzz {

const Target* find_target(std::string_view name) {
  const auto found = std::ranges::find(targets, name, &Target::name);
  return found == targets.end() ? nullptr : &*found;
}

}  // namespace afterword::fuzz
