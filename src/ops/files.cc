#include "ops/files.h"

#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace afterword::ops {
namespace {

constexpr std::size_t max_file_bytes = 1024 * 1024;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }

 private:
  int number_;
};

std::error_code last_error() { return {errno, std::generic_category()}; }

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Only root can.
bool give_to_owner_of(const std::filesystem::path& folder, const FileDescriptor& file) {
  if (::geteuid() != 0) return true;
  struct stat status {};
  if (::stat(folder.empty() ? "." : folder.c_str(), &status) != 0) return false;
  return ::fchown(file.number(), status.st_uid, status.st_gid) == 0;
}

}  // namespace

Result<std::string, Unreadable> read_text_file(const std::filesystem::path& path) {
  // Without O_NONBLOCK the opening of a FIFO waits for whoever writes into it.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) return Unreadable{last_error().message()};
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return Unreadable{last_error().message()};
  if (!S_ISREG(status.st_mode)) return Unreadable{"is not a regular file"};

  std::string text;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t got = ::read(file.number(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable{last_error().message()};
    // In place, because an Unreadable can be made of a string too.
    if (got == 0) return Result<std::string, Unreadable>(boost::system::in_place_value, std::move(text));
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > max_file_bytes) return Unreadable{"is larger than 1 MiB"};
  }
}

Result<void, std::error_code> write_new_file(const std::filesystem::path& path, const std::string& text) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return last_error();
  if (!give_to_owner_of(path.parent_path(), file) || !write_all(file.number(), text) || ::fsync(file.number()) != 0) {
    const std::error_code error = last_error();
    ::unlink(path.c_str());
    return error;
  }
  return {};
}

bool is_open_to_others(const std::filesystem::path& path) {
  using std::filesystem::perms;
  std::error_code error;
  std::filesystem::path at = std::filesystem::canonical(path, error);
  perms needed = perms::others_read | perms::others_write;
  while (!error && (std::filesystem::status(at, error).permissions() & needed) != perms::none) {
    if (at == at.root_path()) return true;
    at = at.parent_path();
    needed = perms::others_exec;
  }
  return false;
}

}  // namespace afterword::ops
