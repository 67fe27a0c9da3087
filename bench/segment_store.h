// LevelDB as the journal uses it: synced batches of blocks in segments that are dropped whole.
#pragma once

#include <leveldb/write_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"

namespace leveldb {
class DB;
}

namespace capstan::bench {

/// As much as a block needs to be found, ordered and checked.
struct BlockKey {
  std::uint64_t number = 0;
  std::uint64_t checksum = 0;
  std::uint64_t checksum_before = 0;
};

/// Blocks of one group commit; durable together.
class BlockBatch {
 public:
  /// Shape: `block` is at most 64 KiB, or one envelope. Bytes are copied.
  void put(const BlockKey& key, Bytes block);
  void clear();

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] leveldb::WriteBatch& batch() { return batch_; }

 private:
  leveldb::WriteBatch batch_;
  std::size_t bytes_ = 0;
};

/// A row of LevelDBs under one folder. After 256 MiB a fresh one is opened, and a thread closes and
/// destroys the full one meanwhile: a run never holds more than two of them on disk.
///
/// Place: owned by one thread.
class SegmentStore {
 public:
  static Result<std::unique_ptr<SegmentStore>> open(const std::string& dir);
  SegmentStore(const SegmentStore&) = delete;
  SegmentStore& operator=(const SegmentStore&) = delete;
  ~SegmentStore();

  /// Returns when `blocks` would survive power loss. Errors: kIo.
  Status commit(BlockBatch& blocks);

  [[nodiscard]] std::uint64_t synced_commits() const { return synced_commits_; }

 private:
  explicit SegmentStore(std::string dir);
  Status open_next_segment();
  void drop_current_segment();

  const std::string dir_;
  std::uint64_t segment_ = 0;
  std::size_t segment_bytes_ = 0;
  std::uint64_t synced_commits_ = 0;
  std::unique_ptr<leveldb::DB> db_;
  std::thread dropper_;
};

}  // namespace capstan::bench
