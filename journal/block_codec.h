// Blocks as the values of a segment: a checked header of fixed width, then the records.
#pragma once

#include <cstdint>
#include <string>

#include "capstan/base/block.h"
#include "capstan/base/result.h"

namespace leveldb {
class WriteBatch;
}  // namespace leveldb

namespace capstan {

inline constexpr std::uint16_t kBlockVersionMajor = 1;
inline constexpr std::uint16_t kBlockVersionMinor = 0;
inline constexpr std::size_t kBlockHeaderBytes = 120;

/// Everything that a block says about itself. Source: FORMAT.md §3.
struct BlockHeader {
  CommitNumber commit;
  std::uint32_t index = 0;          ///< Place in the commit, from 0.
  std::uint32_t commit_blocks = 0;  ///< Blocks of the commit.
  Sequence base;
  Sequence commit_last;  ///< Last sequence of the commit.
  std::uint32_t record_count = 0;
  bool snapshot_begins = false;
  bool opens_segment = false;
  bool thinned = false;  ///< A copy in cold/: only records that were needed, and of no commit.
  std::uint64_t time_first_ns = 0;
  std::uint64_t time_last_ns = 0;
  std::uint64_t id_time_ceiling_ns = 0;
  std::uint64_t body_checksum = 0;
  std::uint64_t previous_checksum = 0;  ///< `checksum` of the block before; 0 for the first of all.
  /// XXH3-64 of the header. It covers the body's checksum, and so the whole value.
  std::uint64_t checksum = 0;

  [[nodiscard]] Sequence last() const { return base.plus(record_count - 1); }
};

/// A checked value; `records` is a view into it.
struct StoredBlock {
  BlockHeader header;
  Bytes records;

  [[nodiscard]] SharedBlock to_block() const;
};

/// Checks a value and reads its header.
///
/// Errors: kDamaged: too short, or a checksum or a number does not fit. kUnsupportedVersion: sound,
///         but of another major version; the text has both.
[[nodiscard]] Result<StoredBlock> decode_block(Bytes value);

/// The key of the block or gap row that begins at `base`: eight octets, big-endian, so that the
/// order of keys is the order of sequences.
struct SequenceKey {
  explicit SequenceKey(Sequence base);
  char octets[8];
};

/// The sequence of a key; 0, which none has, when it is not eight octets long.
[[nodiscard]] Sequence sequence_of_key(Bytes key);

/// Turns commits into write batches; keeps its buffer, so that a commit allocates nothing.
class CommitEncoder {
 public:
  /// Adds all blocks to `batch`; the checksum of the last one, which the next commit continues
  /// from.
  [[nodiscard]] std::uint64_t encode(const Commit& commit, std::uint64_t previous_checksum,
                                     leveldb::WriteBatch& batch);

 private:
  std::string value_;
};

/// One value: `header` as given except for both checksums, which are made here, then the records.
/// Replaces `value`; the block's checksum.
std::uint64_t encode_block(const BlockHeader& header, Bytes records, std::string& value);

/// XXH3-64.
[[nodiscard]] std::uint64_t checksum_of(Bytes bytes);

}  // namespace capstan
