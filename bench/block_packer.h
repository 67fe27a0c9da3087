// Envelopes into checksummed, chained blocks, and blocks into the batch of the next commit.
#pragma once

#include <cstdint>
#include <memory>

#include "capstan/base/bytes.h"
#include "segment_store.h"

namespace capstan::bench {

/// Gathers one commit at a time. Not thread-safe.
class BlockPacker {
 public:
  /// Shape: the body of a floor batch. Whole envelopes go into a block of at most 64 KiB; a larger
  /// envelope stands alone. No block holds envelopes of two batches, so that each is copied once.
  void add(Bytes envelopes);

  /// What has been gathered since the last call. `spent` is used for the next, so that two batches
  /// and their memory serve a whole run.
  [[nodiscard]] std::unique_ptr<BlockBatch> take(std::unique_ptr<BlockBatch> spent);

 private:
  void put(Bytes block);

  std::unique_ptr<BlockBatch> gathered_ = std::make_unique<BlockBatch>();
  std::uint64_t next_block_ = 1;
  std::uint64_t last_checksum_ = 0;
};

}  // namespace capstan::bench
