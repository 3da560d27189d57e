// The value of a Result that a test cannot go on without; throws its error, which fails the test.
#pragma once

#include "base/result.h"

#include <stdexcept>
#include <string>
#include <utility>

namespace afterword::ops::testing {

template <class T>
T require(Result<T, std::string> result) {
  if (!result) throw std::runtime_error(result.error());
  return *std::move(result);
}

}  // namespace afterword::ops::testing
