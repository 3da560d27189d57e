// A disk in memory, as a database sees one: what is written may be lost or torn when the power fails, until it was
// synced; and it may be full, or fail.
//
// A disk outlives the processes that use it. Thread: one.
#pragma once

#include "sim/random.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace afterword::sim {

class Disk {
 public:
  static constexpr std::size_t sector = 512;

  struct File {
    struct Write {
      std::size_t offset;
      std::string bytes;
    };
    std::string data;            // as processes read it
    std::string durable;         // as it is after the power failed
    std::vector<Write> pending;  // written and not yet synced
    bool linked_durably = false;
  };
  using Files = std::map<std::string, std::shared_ptr<File>>;

  enum class Result : std::uint8_t { done, full, failed };

  explicit Disk(Random random) : random_(random) {}

  // The same files, on a disk of its own.
  void copy_files_of(const Disk& other);

  std::shared_ptr<File> open(const std::string& name);
  bool exists(const std::string& name) const { return files_.contains(name); }
  void remove(const std::string& name);

  Result write(File& file, std::size_t offset, const char* bytes, std::size_t size);
  Result truncate(File& file, std::size_t size);
  Result sync(File& file);
  // 0: the whole of a read succeeds.
  bool read_fails() { return read_errors > 0 && random_.chance(read_errors); }

  // What is wrong with it at present.
  bool full = false;
  double write_errors = 0;  // of each write
  double sync_errors = 0;
  double read_errors = 0;

  // The process that writes dies within a write: nothing that it does afterwards reaches the disk.
  void die_at_write(std::uint64_t number, std::function<void()> died);
  // Between the death of a process and the next start.
  void freeze() { frozen_ = true; }
  void thaw();
  // The machine loses its power: of what was not synced any part may be there, sector by sector.
  void lose_power();

  std::uint64_t writes() const { return writes_; }
  std::uint64_t faults() const { return faults_; }
  Random& random() { return random_; }

 private:
  bool dead();
  static void apply(std::string& data, std::size_t offset, const char* bytes, std::size_t size);

  Random random_;
  Files files_;
  bool frozen_ = false;
  std::uint64_t writes_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t dies_in_ = 0;  // writes; 0: it does not
  std::function<void()> died_;
};

}  // namespace afterword::sim
