#include "doctor/disk.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <system_error>
#include <unistd.h>

namespace afterword::doctor {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int trials = 20;
constexpr std::chrono::seconds patience{2};  // for all of them

// Those of which linux/magic.h says nothing.
constexpr long nfs = 0x6969;
constexpr long cifs = 0xFF534D42;
constexpr long smb2 = 0xFE534D42;

std::string last_error() { return std::generic_category().message(errno); }

// As a write-ahead log grows: a page is appended, and synced.
void try_syncs(Disk& disk) {
  const int file = ::open(disk.folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) {
    disk.why_no_syncs = last_error();
    return;
  }
  const std::array<char, 4096> page{};
  const auto give_up = Clock::now() + patience;
  for (int i = 0; i < trials && Clock::now() < give_up; ++i) {
    const auto began = Clock::now();
    if (::write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) || ::fdatasync(file) != 0) {
      disk.why_no_syncs = last_error();
      disk.syncs.clear();
      break;
    }
    disk.syncs.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
  }
  ::close(file);
}

}  // namespace

std::optional<Disk> look_at_disk(const std::filesystem::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return std::nullopt;
  Disk disk;
  disk.folder = std::filesystem::absolute(folder).lexically_normal().string();
  disk.free_bytes = static_cast<std::uint64_t>(status.f_bavail) * static_cast<std::uint64_t>(status.f_bsize);
  const long kind = status.f_type;
  disk.in_memory = kind == TMPFS_MAGIC || kind == RAMFS_MAGIC;
  disk.on_network = kind == nfs || kind == cifs || kind == smb2;
  try_syncs(disk);
  return disk;
}

}  // namespace afterword::doctor
