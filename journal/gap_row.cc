#include "gap_row.h"

#include <cstring>

#include "block_codec.h"
#include "capstan/base/cursor.h"

namespace capstan {

namespace {

constexpr std::string_view kMagic = "CAPSTANG";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kBytes = 40;

}  // namespace

bool is_gap_row(Bytes value) { return as_text(value).starts_with(kMagic); }

std::string encode_gap_row(Gap gap) {
  ByteBuffer row;
  append(row, as_bytes(kMagic));
  append_u64_le(row, kVersion);
  append_u64_le(row, gap.first.value);
  append_u64_le(row, gap.last.value);
  append_u64_le(row, checksum_of(row));
  return std::string(as_text(row));
}

Result<Gap> decode_gap_row(Bytes value) {
  if (value.size() != kBytes || !is_gap_row(value))
    return {ErrorCode::kDamaged, "gap row: wrong length"};
  Cursor in(value.subspan(kMagic.size()));
  const std::uint64_t version = in.u64_le();
  const Gap gap{Sequence{in.u64_le()}, Sequence{in.u64_le()}};
  if (in.u64_le() != checksum_of(value.first(kBytes - 8))) {
    return {ErrorCode::kDamaged, "gap row: checksum does not match"};
  }
  if (version != kVersion) {
    return {ErrorCode::kUnsupportedVersion, "gap row format " + std::to_string(version) +
                                                " is on disk, this program reads format " +
                                                std::to_string(kVersion)};
  }
  if (gap.first > gap.last) return {ErrorCode::kDamaged, "gap row: ends before it begins"};
  return gap;
}

std::string gap_text(Gap gap) {
  return "sequences " + std::to_string(gap.first.value) + " to " + std::to_string(gap.last.value);
}

}  // namespace capstan
