#include "doctor/disk.h"

#include "base/testing/temporary_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace afterword::doctor {
namespace {

TEST(Disk, IsLookedAtWithoutATrace) {
  const afterword::testing::TemporaryFolder folder;
  const auto disk = look_at_disk(folder.path());
  ASSERT_TRUE(disk);
  EXPECT_EQ(disk->folder, folder.path().string());
  EXPECT_GT(disk->free_bytes, 0u);
  EXPECT_NE(disk->syncs.empty(), disk->why_no_syncs.empty()) << "either times, or why there are none";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Disk, OfNoFolderIsNothing) {
  const afterword::testing::TemporaryFolder folder;
  EXPECT_FALSE(look_at_disk(folder.path() / "missing"));
}

TEST(Disk, InMemoryIsKnown) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "there is none here";
  const auto disk = look_at_disk("/dev/shm");
  ASSERT_TRUE(disk);
  EXPECT_TRUE(disk->in_memory);
}

}  // namespace
}  // namespace afterword::doctor
