#include "base/end_process.h"

#include "base/log.h"

#include <cstdlib>

namespace afterword {

std::string describe_failure(std::string_view name, const std::exception_ptr& failure) {
  std::string text(name);
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return text + " ended with an error: " + error.what();
  } catch (...) {
    return text + " ended with an unknown error";
  }
}

void end_process(std::string_view name, const std::exception_ptr& failure) noexcept {
  log::critical("{}; Afterword ends, for it cannot go on without", describe_failure(name, failure));
  log::default_logger_raw()->flush();
  std::_Exit(EXIT_FAILURE);
}

}  // namespace afterword
