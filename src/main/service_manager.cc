#include "main/service_manager.h"

#include "base/log.h"
#include "base/read_number.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace afterword {
namespace {

// Nothing if it is not set, or is no number.
std::optional<std::uint64_t> number_in_environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return read_number<std::uint64_t>(value);
}

}  // namespace

void tell_service_manager(const char* state) {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  const std::string_view path = name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // an abstract one

  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (::sendto(socket, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) <
      0) {
    log::warn("the service manager cannot be told {}: {}", state, std::strerror(errno));
  }
  ::close(socket);
}

std::optional<std::chrono::microseconds> watchdog_limit() {
  const auto limit = number_in_environment("WATCHDOG_USEC");
  if (!limit || *limit == 0) return std::nullopt;
  // A process may have inherited what was said to another.
  const auto process = number_in_environment("WATCHDOG_PID");
  if (process && *process != static_cast<std::uint64_t>(::getpid())) return std::nullopt;
  return std::chrono::microseconds(*limit);
}

}  // namespace afterword
