// The little language of the journal's tests: blocks that can be told apart, a journal on a memory
// disk that can be closed, damaged and opened again, and what a start hands out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capstan/journal/store.h"
#include "faulty_env.h"
#include "memory_env.h"

namespace capstan::journal_test {

inline constexpr std::uint32_t kRecordsPerBlock = 10;

/// Content that depends on every byte's place and on `base`, so that no two blocks look alike.
inline ByteBuffer pattern(std::uint64_t base, std::size_t bytes) {
  ByteBuffer content(bytes);
  std::uint64_t x = base * 0x9E3779B97F4A7C15ULL + 1;
  for (std::uint8_t& octet : content) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    octet = static_cast<std::uint8_t>(x >> 56);
  }
  return content;
}

inline SharedBlock make_block(std::uint64_t base, std::size_t bytes = 500,
                              std::uint32_t records = kRecordsPerBlock, bool snapshot = false) {
  auto block = std::make_shared<Block>();
  block->base = Sequence{base};
  block->record_count = records;
  block->snapshot_begins = snapshot;
  block->time_first_ns = base * 1000;
  block->time_last_ns = base * 1000 + 5;
  block->records = pattern(base, bytes);
  return block;
}

inline bool same(const Block& a, const Block& b) {
  return a.base == b.base && a.record_count == b.record_count &&
         a.snapshot_begins == b.snapshot_begins && a.time_first_ns == b.time_first_ns &&
         a.time_last_ns == b.time_last_ns && a.records == b.records;
}

struct CollectingSink final : RecoverySink {
  Status row(Bytes key, Bytes value) override {
    EXPECT_TRUE(blocks.empty()) << "a row after a block";
    rows[std::string(as_text(key))] = as_text(value);
    return {};
  }
  Status block(const SharedBlock& block) override {
    blocks.push_back(block);
    return {};
  }
  [[nodiscard]] std::vector<std::uint64_t> bases() const {
    std::vector<std::uint64_t> bases;
    for (const SharedBlock& block : blocks) bases.push_back(block->base.value);
    return bases;
  }

  std::map<std::string, std::string> rows;
  std::vector<SharedBlock> blocks;
};

/// A journal on a memory disk. Every commit of `write()` makes blocks of ten records.
class World {
 public:
  explicit World(std::size_t write_buffer_bytes = std::size_t{4} << 20) {
    options.directory = "/data";
    options.env = &disk;
    options.write_buffer_bytes = write_buffer_bytes;
  }

  /// From now on the store's disk is one of which paths may fail.
  FaultyEnv& with_faults() {
    options.env = &faults.emplace(disk);
    return *faults;
  }

  /// Opens and recovers; what came is in `sink` and `summary`.
  void start() {
    Status started = try_start();
    ASSERT_TRUE(started.ok()) << started.error().text();
  }

  Status try_start() {
    store.reset();
    sink = {};
    auto opened = JournalStore::open(options);
    if (!opened) return opened.error();
    auto recovered = (*opened)->recover(sink);
    if (!recovered) return recovered.error();
    store = std::move(*opened);
    summary = *recovered;
    next_commit = summary.last_commit.value + 1;
    next_base = summary.last_sequence.value + 1;
    return {};
  }

  void stop() { store.reset(); }

  void crash(std::uint64_t seed) {
    stop();
    Random random(seed);
    disk.crash(random);
  }

  /// The next commit, not yet written.
  Commit make(std::size_t blocks, bool opens_segment = false, bool snapshot = false,
              std::size_t bytes = 500) {
    Commit commit;
    commit.number = CommitNumber{next_commit};
    commit.opens_segment = opens_segment || store->segments().empty();
    commit.id_time_ceiling_ns = 1'000'000 + next_commit;
    std::uint64_t base = next_base;
    for (std::size_t i = 0; i < blocks; ++i, base += kRecordsPerBlock) {
      commit.blocks.push_back(make_block(base, bytes, kRecordsPerBlock, snapshot && i == 0));
    }
    return commit;
  }

  Status try_write(const Commit& commit) {
    Status written = store->commit(commit);
    if (!written) return written;
    ++next_commit;
    next_base = commit.blocks.back()->last().value + 1;
    return {};
  }

  void write(std::size_t blocks, bool opens_segment = false, bool snapshot = false) {
    Status written = try_write(make(blocks, opens_segment, snapshot));
    ASSERT_TRUE(written.ok()) << written.error().text();
  }

  void checkpoint(std::uint64_t applied, std::vector<StateRow> puts,
                  std::vector<std::string> deletes = {}) {
    Status written =
        store->write_checkpoint({Sequence{applied}, std::move(puts), std::move(deletes)});
    ASSERT_TRUE(written.ok()) << written.error().text();
  }

  /// Where the records of the block at `base` lie on the disk; the store must be stopped or idle.
  struct Spot {
    std::string path;
    std::uint64_t offset = 0;
  };
  [[nodiscard]] Spot find_on_disk(std::uint64_t base,
                                  const std::string& below = "/data/journal") const {
    const ByteBuffer content = pattern(base, 64);
    for (const std::string& path : disk.files()) {
      if (path.rfind(below, 0) != 0) continue;
      const std::size_t at = disk.content(path).find(as_text(content));
      if (at != std::string::npos) return {path, at};
    }
    ADD_FAILURE() << "block " << base << " is not on the disk";
    return {};
  }

  /// Flips a bit of the block at `base`, which lies in a table; the path of that.
  std::string damage_table(std::uint64_t base, const std::string& below = "/data/journal") {
    const Spot spot = find_on_disk(base, below);
    EXPECT_TRUE(spot.path.ends_with(".ldb")) << spot.path;
    disk.flip_bit(spot.path, spot.offset, 0);
    return spot.path;
  }

  MemoryEnv disk;
  std::optional<FaultyEnv> faults;  // outlives the store
  JournalOptions options;
  std::unique_ptr<JournalStore> store;
  CollectingSink sink;
  RecoverySummary summary;
  std::uint64_t next_commit = 1;
  std::uint64_t next_base = 1;
};

inline Gap gap(std::uint64_t first, std::uint64_t last) {
  return {Sequence{first}, Sequence{last}};
}

inline std::vector<Sequence> sequences(std::initializer_list<std::uint64_t> values) {
  std::vector<Sequence> list;
  for (const std::uint64_t value : values) list.push_back(Sequence{value});
  return list;
}

/// Flips a bit in every file of a directory.
inline void ruin(World& world, const std::string& below) {
  for (const std::string& path : world.disk.files()) {
    if (path.rfind(below, 0) != 0) continue;
    const std::uint64_t bytes = world.disk.content(path).size();
    for (std::uint64_t at = 0; at < bytes; at += 7) world.disk.flip_bit(path, at, 3);
  }
}

inline void remove_segment(World& world, const std::string& name) {
  const std::string folder = "/data/journal/" + name;
  for (const std::string& path : world.disk.files()) {
    if (path.rfind(folder + "/", 0) != 0) continue;
    ASSERT_TRUE(world.disk.RemoveFile(path).ok());
  }
  ASSERT_TRUE(world.disk.RemoveDir(folder).ok());
}

/// Blocks 21 to 40 are left, and no state that a start could go by.
inline void lose_state_and_first_segment(World& world) {
  world.start();
  world.write(2);
  world.write(2, true);
  world.checkpoint(40, {{"a", "1"}});
  ASSERT_TRUE(world.store->drop_segment(Sequence{1}).ok());
  world.stop();
  ruin(world, "/data/state/");
}

}  // namespace capstan::journal_test
