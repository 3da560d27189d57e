#include "http/listener.h"

#include "http/name_lookup.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace afterword::http {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::string_view taken = "another process listens there; stop it, or choose another address";

// Whoever holds a folder for longer than this is none of us.
constexpr std::chrono::milliseconds patience{1000};
constexpr std::chrono::milliseconds between_tries{10};

error_code last_error() { return {errno, boost::system::system_category()}; }

std::optional<tcp::endpoint> to_tcp(const Endpoint& endpoint) {
  tcp::endpoint result;
  const int family = endpoint.data()->sa_family;
  if ((family != AF_INET && family != AF_INET6) || endpoint.size() > result.capacity()) return std::nullopt;
  std::memcpy(result.data(), endpoint.data(), endpoint.size());
  return result;
}

bool is_missing_family(const error_code& error) {
  return error == asio::error::address_family_not_supported ||
         error == boost::system::errc::make_error_code(boost::system::errc::address_not_available);
}

std::string in_words(const error_code& error) {
  if (error == asio::error::address_in_use) return std::string(taken);
  return error.message() + "; choose another address";
}

// Of the folder's entries, for the processes that listen in it.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    folder_ = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (auto left = patience; folder_ >= 0 && left.count() > 0; left -= between_tries) {
      if (::flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
      std::this_thread::sleep_for(between_tries);
    }
  }
  ~FolderLock() {
    if (folder_ >= 0) ::close(folder_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int folder_;
};

// Why the file at this path may not be replaced; nothing if it is the socket of a process that has ended.
std::optional<std::string> reason_to_keep(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? std::nullopt : std::optional(in_words(last_error()));
  }
  if (!S_ISSOCK(status.st_mode)) return "there is a file that is not a socket; move it away, or choose another path";
  const asio::local::stream_protocol::endpoint endpoint(path);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return in_words(last_error());
  const int error = ::connect(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 ? 0 : errno;
  ::close(probe);
  if (error == ECONNREFUSED || error == ENOENT) return std::nullopt;
  return std::string(taken);
}

}  // namespace

Result<std::vector<std::shared_ptr<Listener>>, std::string> Listener::open(const async::Executor& executor,
                                                                           const Address& address,
                                                                           mode_t unix_socket_mode) {
  const auto cannot = [&](const std::string& why) {
    return fmt::format("cannot listen on {}: {}", to_text(address), why);
  };
  std::vector<std::shared_ptr<Listener>> listeners;
  if (address.is_unix()) {
    listeners.push_back(std::make_shared<Listener>(executor));
    const auto failure = listeners.back()->listen_at_path(address.unix_path, unix_socket_mode);
    if (failure) return cannot(*failure);
    return listeners;
  }

  const NameLookup::Found found = NameLookup::ask_system(address.host);
  if (!found) return cannot(found.error() + "; choose another address");
  const bool is_name = found->size() > 1;
  std::uint16_t port = address.port;
  error_code error;
  for (const asio::ip::address& ip : *found) {
    auto listener = std::make_shared<Listener>(executor);
    error = listener->listen_at(tcp::endpoint(ip, port), is_name && ip.is_v6());
    if (is_missing_family(error) && is_name) continue;
    if (error) return cannot(in_words(error));
    port = listener->address_.port;
    listener->address_.host = ip.to_string();
    listeners.push_back(std::move(listener));
  }
  if (listeners.empty()) return cannot(in_words(error));
  return listeners;
}

error_code Listener::listen_at(const tcp::endpoint& endpoint, bool ipv6_alone) {
  error_code error;
  acceptor.open(Endpoint(endpoint).protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && ipv6_alone) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return error;
  const auto bound = to_tcp(acceptor.local_endpoint(error));
  if (bound) address_.port = bound->port();
  return error;
}

std::optional<std::string> Listener::listen_at_path(const std::string& path, mode_t mode) {
  const FolderLock lock(path);
  if (const auto reason = reason_to_keep(path)) return reason;
  ::unlink(path.c_str());

  const asio::local::stream_protocol::endpoint endpoint(path);
  error_code error;
  acceptor.open(Endpoint(endpoint).protocol(), error);
  if (error) return in_words(error);
  // The file is made with the mode of the socket, and is nobody else's until it has its own.
  if (::fchmod(acceptor.native_handle(), S_IRUSR | S_IWUSR) != 0) return in_words(last_error());
  acceptor.bind(endpoint, error);
  if (error == boost::system::errc::no_such_file_or_directory) {
    return "its folder does not exist; make it, for Afterword's user to write in";
  }
  if (error) return in_words(error);
  address_.unix_path = path;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) file_ = File{status.st_dev, status.st_ino};
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return in_words(error);
  if (::chmod(path.c_str(), mode) != 0) return in_words(last_error());
  return std::nullopt;
}

void Listener::remove_file() {
  if (!file_) return;
  const File ours = *std::exchange(file_, std::nullopt);
  struct stat status {};
  const bool is_ours =
      ::lstat(address_.unix_path.c_str(), &status) == 0 && status.st_dev == ours.device && status.st_ino == ours.number;
  if (is_ours) ::unlink(address_.unix_path.c_str());
}

void Listener::close() {
  remove_file();
  error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
}

std::string Listener::peer_of(const Socket& socket) const {
  if (address_.is_unix()) return {};
  error_code error;
  const auto peer = to_tcp(socket.remote_endpoint(error));
  // One that has gone already has none.
  asio::ip::address address = peer ? peer->address() : asio::ip::address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

}  // namespace afterword::http
