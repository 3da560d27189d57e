// One function per alternative of a variant, for std::visit. Name the type in each: an alternative that is added then
// does not compile until somebody has said what becomes of it. A generic one (`auto`) would take it silently.
#pragma once

namespace afterword {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
// Clang 16 does not deduce an aggregate's types by itself.
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

}  // namespace afterword
