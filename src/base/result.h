// Result<T, E>: a value or the reason why there is none.
//
// Errors are values on the path of a request. Exceptions are for start-up and for bugs; they are caught once a request
// or task. Asking a Result for a value that it does not hold is a bug, and throws std::logic_error.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>

namespace afterword {

template <class T, class E>
using Result = boost::system::result<T, E>;

// Found by argument-dependent look-up when value() is called on an error that is a type of this very namespace; others
// bring it into theirs with a using-declaration, as store/store.h does.
template <class E>
[[noreturn]] void throw_exception_from_error(const E&, const boost::source_location& where) {
  throw std::logic_error("Result::value() called on an error, at " + where.to_string());
}

}  // namespace afterword
