// What a disk may give back: the input is a segment's value (a block or a gap row), the records of
// a block, one record's payload, and a tail witness. FORMAT.md §3, §4, §6, §8.
#include "block_codec.h"
#include "capstan/base/check.h"
#include "capstan/base/cursor.h"
#include "capstan/codec/record.h"
#include "gap_row.h"
#include "target.h"
#include "witness.h"

namespace capstan::fuzz {

namespace {

constexpr std::size_t kHeaderLengthAt = 12;
constexpr std::size_t kBodyChecksumAt = 88;

// ---- Records ----

template <typename Record>
std::optional<ByteBuffer> encode(const std::optional<Record>& record) {
  if (!record) return std::nullopt;
  ByteBuffer bytes;
  (void)encode_record(*record, bytes);
  return bytes;
}

std::optional<ByteBuffer> encode_marker(const RecordView& record) {
  ByteBuffer bytes;
  encode_marker_record(record.type, bytes);
  return bytes;
}

/// A record decoded by its type and encoded again; empty when its decoder refuses it.
std::optional<ByteBuffer> reencode(const RecordView& record) {
  switch (record.type) {
    case RecordType::kEnvelope:
      return encode(decode_envelope_record(record));
    case RecordType::kAgent:
      return encode(decode_agent_record(record.payload));
    case RecordType::kSettled:
      return encode(decode_settled_record(record.payload));
    case RecordType::kSkipped:
      return encode(decode_skipped_record(record.payload));
    case RecordType::kSegment:
      return encode(decode_segment_record(record.payload));
    case RecordType::kStart:
      return encode(decode_start_record(record.payload));
    case RecordType::kGap:
      return encode(decode_gap_record(record.payload));
    case RecordType::kDuplicate:
      return encode(decode_duplicate_record(record.payload));
    case RecordType::kRetry:
      return encode(decode_retry_record(record.payload));
    case RecordType::kDead:
      return encode(decode_dead_record(record.payload));
    case RecordType::kDeadDropped:
      return encode(decode_dead_dropped_record(record.payload));
    case RecordType::kAgentRetired:
      return encode(decode_agent_retired_record(record.payload));
    case RecordType::kSnapshotRow:
      return encode(decode_snapshot_row(record.payload));
    case RecordType::kSnapshotBegin:
    case RecordType::kSnapshotEnd:
      return record.payload.empty() ? encode_marker(record) : std::nullopt;
  }
  return std::nullopt;
}

/// A record that its decoder takes is written again byte for byte: nothing in it was overlooked.
void check_record(const RecordView& record, Bytes records) {
  CAPSTAN_CHECK(inside(record.payload, records));
  const std::optional<ByteBuffer> written = reencode(record);
  if (!written) return;
  CAPSTAN_CHECK(written->size() == kRecordHeaderBytes + record.payload.size());
  CAPSTAN_CHECK((*written)[4] == static_cast<std::uint8_t>(record.type));
  CAPSTAN_CHECK(equal(Bytes(*written).subspan(kRecordHeaderBytes), record.payload));
  if (record.type != RecordType::kEnvelope) return;
  CAPSTAN_CHECK((*written)[5] == record.priority);
  CAPSTAN_CHECK((*written)[6] + 256 * (*written)[7] == record.recipient_count);
}

/// How many records these bytes say are left out; empty when they say something else.
std::optional<std::uint64_t> left_out(Bytes bytes) {
  std::uint64_t left = 0;
  Cursor in(bytes);
  while (!in.at_end()) {
    const std::uint32_t payload_bytes = in.u32_le();
    const std::uint8_t type = in.u8();
    (void)in.take(3);
    const std::uint32_t count = in.u32_le();
    if (!in.ok() || payload_bytes != 4 || type != kLeftOutType || count == 0) return std::nullopt;
    left += count;
  }
  return left;
}

/// The reader goes forward only, stays inside, passes over nothing but what is left out, and gives
/// the same record when it begins there.
void check_records(const Block& block) {
  const Bytes records = block.records;
  RecordReader reader(block);
  std::size_t offset = 0;
  Sequence at = block.base;
  while (const auto record = reader.next()) {
    CAPSTAN_CHECK(record->end_offset >= offset + kRecordHeaderBytes + record->payload.size());
    const std::size_t begin = record->end_offset - kRecordHeaderBytes - record->payload.size();
    const auto passed = left_out(records.subspan(offset, begin - offset));
    CAPSTAN_CHECK(passed && record->sequence == at.plus(*passed));
    const auto alone = RecordReader(block, begin, record->sequence).next();
    CAPSTAN_CHECK(alone && alone->payload.data() == record->payload.data());
    check_record(*record, records);
    offset = record->end_offset;
    at = record->sequence.plus(1);
  }
  CAPSTAN_CHECK(reader.at_end() == left_out(records.subspan(offset)).has_value());
}

/// The input as the payload of a record of each type, also of one that no version has.
void check_payload(Bytes payload) {
  for (std::uint8_t type = 0; type <= static_cast<std::uint8_t>(RecordType::kAgentRetired) + 1;
       ++type) {
    RecordView record;
    record.type = static_cast<RecordType>(type);
    record.priority = payload.empty() ? std::uint8_t{0} : payload.front();
    record.recipient_count = static_cast<std::uint16_t>(payload.empty() ? 0 : payload.back() % 4);
    record.payload = payload;
    check_record(record, payload);
  }
}

// ---- Blocks ----

std::string text_of(Bytes bytes) { return std::string(as_text(bytes)); }

void put_checksum(std::string& value, std::size_t at, std::uint64_t checksum) {
  std::memcpy(value.data() + at, &checksum, sizeof checksum);
}

/// The value with both checksums made right, as a program with a bug would have written it; else
/// nothing but the checksums would ever be tried.
std::string repaired(Bytes value) {
  std::string block = text_of(value);
  if (block.size() < kBlockHeaderBytes) return block;
  Cursor cursor(value.subspan(kHeaderLengthAt));
  const std::size_t header_bytes = cursor.u32_le();
  if (header_bytes < kBlockHeaderBytes || header_bytes > block.size()) return block;
  put_checksum(block, kBodyChecksumAt, checksum_of(value.subspan(header_bytes)));
  const Bytes header = as_bytes(block).first(header_bytes - sizeof(std::uint64_t));
  put_checksum(block, header.size(), checksum_of(header));
  return block;
}

/// One bit, chosen by the value itself.
void flip_a_bit(std::string& value) {
  const std::uint64_t bit = checksum_of(as_bytes(value)) % (value.size() * 8);
  char& byte = value[static_cast<std::size_t>(bit / 8)];
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
}

/// A block that is taken has numbers that fit, is written and read again as the same, and not one
/// changed bit of it goes unnoticed.
void check_block(Bytes value) {
  const auto block = decode_block(value);
  if (!block) {
    const ErrorCode code = block.error().code;
    CAPSTAN_CHECK(code == ErrorCode::kDamaged || code == ErrorCode::kUnsupportedVersion);
    return;
  }
  const BlockHeader& header = block->header;
  CAPSTAN_CHECK(inside(block->records, value));
  CAPSTAN_CHECK(header.record_count > 0 && header.index < header.commit_blocks);
  CAPSTAN_CHECK(header.base <= header.last() && header.last() <= header.commit_last);
  std::string written;
  const std::uint64_t checksum = encode_block(header, block->records, written);
  const auto again = decode_block(as_bytes(written));
  CAPSTAN_CHECK(again && again->header.checksum == checksum);
  CAPSTAN_CHECK(equal(again->records, block->records));
  CAPSTAN_CHECK(again->header.commit == header.commit && again->header.base == header.base);
  CAPSTAN_CHECK(again->header.commit_last == header.commit_last);
  CAPSTAN_CHECK(again->header.time_last_ns == header.time_last_ns);
  CAPSTAN_CHECK(again->header.previous_checksum == header.previous_checksum);
  CAPSTAN_CHECK(again->header.snapshot_begins == header.snapshot_begins);
  flip_a_bit(written);
  CAPSTAN_CHECK(!decode_block(as_bytes(written)));
  check_records(*block->to_block());
}

/// The input as the records of a sound block.
void check_as_records(Bytes input) {
  BlockHeader header;
  header.commit_blocks = 1;
  header.base = Sequence{1};
  header.record_count = 1;
  header.commit_last = header.last();
  std::string value;
  (void)encode_block(header, input, value);
  CAPSTAN_CHECK(decode_block(as_bytes(value)));
  check_block(as_bytes(value));
}

// ---- What stands beside the blocks ----

void check_gap_row(Bytes value) {
  const auto gap = decode_gap_row(value);
  if (!gap) return;
  CAPSTAN_CHECK(gap->first <= gap->last && is_gap_row(value));
  CAPSTAN_CHECK(as_bytes(encode_gap_row(*gap)).size() == value.size());
  CAPSTAN_CHECK(equal(as_bytes(encode_gap_row(*gap)), value));
}

void check_witness(Bytes bytes) {
  const auto witness = decode_witness(bytes);
  if (!witness) return;
  const WitnessImage written = encode_witness(*witness);
  CAPSTAN_CHECK(decode_witness(written) == witness);
}

/// The input with the right checksum in its last eight bytes: a gap row's and a witness's place.
ByteBuffer with_checksum_at_end(Bytes input) {
  ByteBuffer bytes(input.begin(), input.end());
  if (bytes.size() < sizeof(std::uint64_t)) return bytes;
  bytes.resize(bytes.size() - sizeof(std::uint64_t));
  append_u64_le(bytes, checksum_of(bytes));
  return bytes;
}

}  // namespace

void run_one(Bytes input) {
  check_block(input);
  check_block(as_bytes(repaired(input)));
  check_as_records(input);
  check_payload(input);
  check_gap_row(input);
  check_gap_row(with_checksum_at_end(input));
  check_witness(input);
  check_witness(with_checksum_at_end(input));
  CAPSTAN_CHECK((sequence_of_key(input).value == 0) || input.size() == 8);
}

}  // namespace capstan::fuzz
