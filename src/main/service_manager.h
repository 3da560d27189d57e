// Tells the service manager that started us, if one did, how far we are: systemd's protocol, by NOTIFY_SOCKET.
#pragma once

#include <chrono>
#include <optional>

namespace afterword {

// "READY=1" when requests are served, so that whoever restarts instances one after the other knows when to go on;
// "RELOADING=1" and "READY=1" around reading the configuration again, "WATCHDOG=1" while we are alive (watchdog.h), and
// "STOPPING=1" when we drain. Nothing depends on its being heard.
void tell_service_manager(const char* state);

// How long it waits for a "WATCHDOG=1" before it takes us for dead; nothing if it does not wait for one.
std::optional<std::chrono::microseconds> watchdog_limit();

}  // namespace afterword
