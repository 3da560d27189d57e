#include "sim/disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace afterword::sim {
namespace {

// A write whose bytes are none: the file's new size is its offset.
bool is_truncation(const Disk::File::Write& write) { return write.bytes.empty(); }

}  // namespace

void Disk::copy_files_of(const Disk& other) {
  files_.clear();
  for (const auto& [name, file] : other.files_) files_.emplace(name, std::make_shared<File>(*file));
}

std::shared_ptr<Disk::File> Disk::open(const std::string& name) {
  auto& file = files_[name];
  if (!file) file = std::make_shared<File>();
  return file;
}

void Disk::remove(const std::string& name) {
  if (!frozen_) files_.erase(name);
}

void Disk::apply(std::string& data, std::size_t offset, const char* bytes, std::size_t size) {
  if (data.size() < offset + size) data.resize(offset + size);
  std::memcpy(data.data() + offset, bytes, size);
}

bool Disk::dead() {
  if (frozen_) return true;
  ++writes_;
  if (dies_in_ == 0 || --dies_in_ > 0) return false;
  frozen_ = true;
  std::exchange(died_, nullptr)();
  return true;
}

Disk::Result Disk::write(File& file, std::size_t offset, const char* bytes, std::size_t size) {
  if (dead()) return Result::done;
  if (full && offset + size > file.data.size()) {
    ++faults_;
    return Result::full;
  }
  if (write_errors > 0 && random_.chance(write_errors)) {
    ++faults_;
    size = std::min(size, static_cast<std::size_t>(random_.below(size + 1)));  // a part of it arrives
    if (size > 0) {
      apply(file.data, offset, bytes, size);
      file.pending.push_back({offset, std::string(bytes, size)});
    }
    return Result::failed;
  }
  apply(file.data, offset, bytes, size);
  file.pending.push_back({offset, std::string(bytes, size)});
  return Result::done;
}

Disk::Result Disk::truncate(File& file, std::size_t size) {
  if (dead()) return Result::done;
  file.data.resize(size);
  file.pending.push_back({size, {}});
  return Result::done;
}

Disk::Result Disk::sync(File& file) {
  if (dead()) return Result::done;
  const bool fails = sync_errors > 0 && random_.chance(sync_errors);
  if (fails) ++faults_;
  for (const File::Write& write : file.pending) {
    // The kernel gives up the pages of a sync that failed: some are on the disk, and the others never will be, but
    // processes go on reading them.
    if (fails && random_.chance(0.5)) continue;
    if (is_truncation(write)) {
      file.durable.resize(write.offset);
    } else {
      apply(file.durable, write.offset, write.bytes.data(), write.bytes.size());
    }
  }
  file.pending.clear();
  file.linked_durably = file.linked_durably || !fails;
  return fails ? Result::failed : Result::done;
}

void Disk::die_at_write(std::uint64_t number, std::function<void()> died) {
  dies_in_ = number;
  died_ = std::move(died);
}

void Disk::thaw() {
  frozen_ = false;
  dies_in_ = 0;
  died_ = nullptr;
}

void Disk::lose_power() {
  for (auto entry = files_.begin(); entry != files_.end();) {
    File& file = *entry->second;
    if (!file.linked_durably && random_.chance(0.5)) {
      entry = files_.erase(entry);
      continue;
    }
    // Sometimes all or nothing of it, so that both ends are seen often.
    const double arrives = static_cast<double>(random_.below(5)) / 4;
    for (const File::Write& write : file.pending) {
      if (is_truncation(write)) {
        if (random_.chance(arrives)) file.durable.resize(write.offset);
        continue;
      }
      std::size_t done = 0;
      while (done < write.bytes.size()) {
        const std::size_t place = write.offset + done;
        const std::size_t size = std::min(sector - place % sector, write.bytes.size() - done);
        if (random_.chance(arrives)) apply(file.durable, place, write.bytes.data() + done, size);
        done += size;
      }
    }
    file.pending.clear();
    file.data = file.durable;
    file.linked_durably = true;
    ++entry;
  }
}

}  // namespace afterword::sim
