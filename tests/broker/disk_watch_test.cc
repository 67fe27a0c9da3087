#include "disk_watch.h"

#include <gtest/gtest.h>

#include "journal_world.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr std::uint64_t kReserve = 800;

TEST(DiskWatch, TheStateFollowsTheFreeSpace) {
  EXPECT_EQ(disk_state(DiskState::kOk, 799, kReserve), DiskState::kFull);
  EXPECT_EQ(disk_state(DiskState::kOk, 800, kReserve), DiskState::kLow);
  EXPECT_EQ(disk_state(DiskState::kOk, 1'599, kReserve), DiskState::kLow);
  EXPECT_EQ(disk_state(DiskState::kOk, 1'600, kReserve), DiskState::kOk);
  EXPECT_EQ(disk_state(DiskState::kLow, 1'600, kReserve), DiskState::kOk);
}

TEST(DiskWatch, AFullDiskIsLeftOnlyWithAnEighthMore) {
  EXPECT_EQ(disk_state(DiskState::kFull, 899, kReserve), DiskState::kFull);
  EXPECT_EQ(disk_state(DiskState::kFull, 900, kReserve), DiskState::kLow);
  EXPECT_EQ(disk_state(DiskState::kFull, 1'600, kReserve), DiskState::kOk);
}

TEST(DiskWatch, WhatHasNotChangedIsToldOnce) {
  const TemporaryFolder folder;
  JournalOptions options;
  options.directory = (folder.path() / "data").string();
  options.ballast_bytes = 4096;
  const auto store = JournalStore::open(options);
  ASSERT_TRUE(store.ok());
  // No disk has that much room, and none has less than nothing.
  for (const auto& [reserve, state] :
       {std::pair{UINT64_MAX / 2, DiskState::kFull}, std::pair{std::uint64_t{1}, DiskState::kOk}}) {
    DiskWatch watch(**store, reserve);
    const auto first = watch.look();
    ASSERT_TRUE(first && std::holds_alternative<DiskSpace>(*first));
    EXPECT_EQ(std::get<DiskSpace>(*first).state, state);
    EXPECT_GT(std::get<DiskSpace>(*first).free_bytes, 0U);
  }
  EXPECT_TRUE((*store)->ballast_held());
}

TEST(DiskWatch, BallastThatWasGivenUpIsTakenAgainWhenThereIsRoom) {
  const TemporaryFolder folder;
  JournalOptions options;
  options.directory = (folder.path() / "data").string();
  options.ballast_bytes = 4096;
  const auto store = JournalStore::open(options);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->release_ballast().ok());
  DiskWatch watch(**store, 1);
  (void)watch.look();
  EXPECT_TRUE((*store)->ballast_held());
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "data/ballast"));
}

TEST(DiskWatch, ADiskThatDoesNotTellIsNotWatched) {
  journal_test::World world;
  world.start();
  DiskWatch watch(*world.store, 1);
  EXPECT_FALSE(watch.look());
}

}  // namespace
}  // namespace capstan
