// What happens when something fails that the process cannot do without, by an exception that nobody expected.
//
// It ends at once, as by kill -9, after one line of log that says what failed: a service manager starts it again, and
// the store has kept every promise. To go on without what failed, such as timers or committing, would be to promise and
// never to do; to go on with it would be to go on in a state that nobody knows. No core is dumped. Thread: any.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace afterword {

// For the log: "NAME ended with an error: …".
std::string describe_failure(std::string_view name, const std::exception_ptr& failure);

[[noreturn]] void end_process(std::string_view name, const std::exception_ptr& failure) noexcept;

}  // namespace afterword
