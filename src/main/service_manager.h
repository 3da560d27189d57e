// Tells the service manager that started us, if one did, how far we are: systemd's protocol, by NOTIFY_SOCKET.
#pragma once

namespace afterword {

// "READY=1" when requests are served, so that whoever restarts instances one after the other knows when to go on;
// "STOPPING=1" when we drain. Nothing depends on its being heard.
void tell_service_manager(const char* state);

}  // namespace afterword
