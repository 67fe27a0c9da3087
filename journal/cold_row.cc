#include "cold_row.h"

#include <algorithm>
#include <cstring>

#include "block_codec.h"
#include "capstan/base/cursor.h"

namespace capstan {

namespace {

constexpr char kMagic[] = "CAPSTANC";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::uint64_t kVersion = 1;

Error damaged(const char* what) { return {ErrorCode::kDamaged, std::string("cold row: ") + what}; }

}  // namespace

std::string cold_row_key(Sequence first) {
  const SequenceKey key(first);
  return "r" + std::string(key.octets, sizeof key.octets);
}

bool is_cold_row(Bytes value) {
  return value.size() >= kMagicBytes && std::memcmp(value.data(), kMagic, kMagicBytes) == 0;
}

std::string encode_cold_row(const ColdRow& row) {
  ByteBuffer value;
  append(value, as_bytes({kMagic, kMagicBytes}));
  append_u64_le(value, kVersion);
  append_u64_le(value, row.first.value);
  append_u64_le(value, row.last.value);
  append_u64_le(value, row.blocks.size());
  for (const Gap& block : row.blocks) {
    append_u64_le(value, block.first.value);
    append_u64_le(value, block.last.value);
  }
  append_u64_le(value, checksum_of(value));
  return std::string(as_text(value));
}

Result<ColdRow> decode_cold_row(Bytes value) {
  if (!is_cold_row(value)) return damaged("no magic number");
  if (value.size() < kMagicBytes + kChecksumBytes) return damaged("too short");
  const Bytes covered = value.first(value.size() - kChecksumBytes);
  Cursor checksum(value.subspan(covered.size()));
  if (checksum.u64_le() != checksum_of(covered)) return damaged("checksum does not match");
  Cursor in(covered.subspan(kMagicBytes));
  const std::uint64_t version = in.u64_le();
  if (in.ok() && version != kVersion) {
    return {ErrorCode::kUnsupportedVersion, "cold row format " + std::to_string(version) +
                                                " is on disk, this program reads format " +
                                                std::to_string(kVersion)};
  }
  ColdRow row;
  row.first = Sequence{in.u64_le()};
  row.last = Sequence{in.u64_le()};
  const std::uint64_t count = in.u64_le();
  if (!in.ok() || row.first > row.last || in.remaining() % 16 != 0 ||
      in.remaining() / 16 != count) {
    return damaged("numbers contradict each other");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const Sequence first{in.u64_le()};
    row.blocks.push_back({first, Sequence{in.u64_le()}});
  }
  return row;
}

}  // namespace capstan
