#include "block_codec.h"

#include <xxhash.h>

#include <cstring>

#include "capstan/base/check.h"
#include "capstan/base/cursor.h"
#include "leveldb/write_batch.h"

namespace capstan {

namespace {

constexpr char kMagic[] = "CAPSTANB";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kChecksumBytes = 8;
// Of every major version: magic, versions, header length; the checksum ends the header.
constexpr std::size_t kCommonBytes = 16;

constexpr std::uint32_t kFlagSnapshotBegins = 1;
constexpr std::uint32_t kFlagOpensSegment = 2;
constexpr std::uint32_t kFlagThinned = 4;

class HeaderWriter {
 public:
  explicit HeaderWriter(char* at) : begin_(at), at_(at) {}

  void bytes(const char* from, std::size_t count) {
    std::memcpy(at_, from, count);
    at_ += count;
  }
  template <typename T>
  void number(T value) {
    bytes(reinterpret_cast<const char*>(&value), sizeof value);
  }
  [[nodiscard]] Bytes written() const {
    return as_bytes({begin_, static_cast<std::size_t>(at_ - begin_)});
  }

 private:
  char* begin_;
  char* at_;
};

Error damaged(const char* what) { return {ErrorCode::kDamaged, std::string("block: ") + what}; }

// The header's own checksum comes first: only then is a strange version a version, not a flipped
// bit.
Status check_common(Bytes value) {
  if (value.size() < kCommonBytes + kChecksumBytes) return damaged("too short");
  if (std::memcmp(value.data(), kMagic, kMagicBytes) != 0) return damaged("no magic number");
  Cursor cursor(value.subspan(kMagicBytes));
  const std::uint16_t major = cursor.u16_le();
  static_cast<void>(cursor.u16_le());
  const std::size_t header_bytes = cursor.u32_le();
  if (header_bytes < kCommonBytes + kChecksumBytes || header_bytes > value.size()) {
    return damaged("impossible header length");
  }
  Cursor checksum(value.subspan(header_bytes - kChecksumBytes));
  if (checksum.u64_le() != checksum_of(value.first(header_bytes - kChecksumBytes))) {
    return damaged("header checksum does not match");
  }
  if (major != kBlockVersionMajor) {
    return {ErrorCode::kUnsupportedVersion, "block format " + std::to_string(major) +
                                                " is on disk, this program reads format " +
                                                std::to_string(kBlockVersionMajor)};
  }
  if (header_bytes < kBlockHeaderBytes) return damaged("header too short for its version");
  return {};
}

bool plausible(const BlockHeader& header) {
  return header.record_count > 0 && header.base.value > 0 && header.index < header.commit_blocks &&
         header.last() >= header.base && header.last() <= header.commit_last &&
         (header.thinned || header.index + 1 < header.commit_blocks ||
          header.last() == header.commit_last);
}

}  // namespace

std::uint64_t checksum_of(Bytes bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

SequenceKey::SequenceKey(Sequence base) {
  const std::uint64_t big_endian = __builtin_bswap64(base.value);
  std::memcpy(octets, &big_endian, sizeof octets);
}

Sequence sequence_of_key(Bytes key) {
  if (key.size() != 8) return Sequence{};
  Cursor cursor(key);
  return Sequence{cursor.u64_be()};
}

std::uint64_t encode_block(const BlockHeader& header, Bytes records, std::string& value) {
  value.resize(kBlockHeaderBytes + records.size());
  HeaderWriter out(value.data());
  out.bytes(kMagic, kMagicBytes);
  out.number(kBlockVersionMajor);
  out.number(kBlockVersionMinor);
  out.number(static_cast<std::uint32_t>(kBlockHeaderBytes));
  out.number(header.commit.value);
  out.number(header.index);
  out.number(header.commit_blocks);
  out.number(header.base.value);
  out.number(header.commit_last.value);
  out.number(header.record_count);
  out.number((header.snapshot_begins ? kFlagSnapshotBegins : 0) |
             (header.opens_segment ? kFlagOpensSegment : 0) | (header.thinned ? kFlagThinned : 0));
  out.number(header.time_first_ns);
  out.number(header.time_last_ns);
  out.number(header.id_time_ceiling_ns);
  out.number(static_cast<std::uint64_t>(records.size()));
  out.number(checksum_of(records));
  out.number(header.previous_checksum);
  out.number(std::uint64_t{0});
  const std::uint64_t checksum = checksum_of(out.written());
  out.number(checksum);
  CAPSTAN_CHECK(out.written().size() == kBlockHeaderBytes);
  if (!records.empty())
    std::memcpy(value.data() + kBlockHeaderBytes, records.data(), records.size());
  return checksum;
}

Result<StoredBlock> decode_block(Bytes value) {
  if (Status common = check_common(value); !common) return common.error();
  Cursor in(value);
  static_cast<void>(in.take(kMagicBytes + 4));
  const std::size_t header_bytes = in.u32_le();
  StoredBlock block;
  BlockHeader& header = block.header;
  header.commit = CommitNumber{in.u64_le()};
  header.index = in.u32_le();
  header.commit_blocks = in.u32_le();
  header.base = Sequence{in.u64_le()};
  header.commit_last = Sequence{in.u64_le()};
  header.record_count = in.u32_le();
  const std::uint32_t flags = in.u32_le();
  header.snapshot_begins = (flags & kFlagSnapshotBegins) != 0;
  header.opens_segment = (flags & kFlagOpensSegment) != 0;
  header.thinned = (flags & kFlagThinned) != 0;
  header.time_first_ns = in.u64_le();
  header.time_last_ns = in.u64_le();
  header.id_time_ceiling_ns = in.u64_le();
  const std::uint64_t body_bytes = in.u64_le();
  header.body_checksum = in.u64_le();
  header.previous_checksum = in.u64_le();
  Cursor checksum(value.subspan(header_bytes - kChecksumBytes));
  header.checksum = checksum.u64_le();
  block.records = value.subspan(header_bytes);
  if (!plausible(header)) return damaged("numbers contradict each other");
  if (block.records.size() != body_bytes) return damaged("length does not match");
  if (checksum_of(block.records) != header.body_checksum)
    return damaged("body checksum does not match");
  return block;
}

SharedBlock StoredBlock::to_block() const {
  auto block = std::make_shared<Block>();
  block->base = header.base;
  block->record_count = header.record_count;
  block->snapshot_begins = header.snapshot_begins;
  block->time_first_ns = header.time_first_ns;
  block->time_last_ns = header.time_last_ns;
  block->records.assign(records.begin(), records.end());
  return block;
}

std::uint64_t CommitEncoder::encode(const Commit& commit, std::uint64_t previous_checksum,
                                    leveldb::WriteBatch& batch) {
  BlockHeader header;
  header.commit = commit.number;
  header.commit_blocks = static_cast<std::uint32_t>(commit.blocks.size());
  header.commit_last = commit.blocks.back()->last();
  header.opens_segment = commit.opens_segment;
  header.id_time_ceiling_ns = commit.id_time_ceiling_ns;
  header.previous_checksum = previous_checksum;
  for (const SharedBlock& block : commit.blocks) {
    header.base = block->base;
    header.record_count = block->record_count;
    header.snapshot_begins = block->snapshot_begins;
    header.time_first_ns = block->time_first_ns;
    header.time_last_ns = block->time_last_ns;
    header.previous_checksum = encode_block(header, block->records, value_);
    const SequenceKey key(block->base);
    batch.Put({key.octets, sizeof key.octets}, value_);
    ++header.index;
  }
  return header.previous_checksum;
}

}  // namespace capstan
