// FORMAT.md §4.
#include "capstan/codec/record.h"

#include <algorithm>

#include "capstan/base/check.h"
#include "capstan/base/cursor.h"

namespace capstan {

namespace {

void begin_record(RecordType type, std::uint8_t priority, std::uint16_t recipient_count,
                  std::size_t payload_bytes, ByteBuffer& to) {
  append_u32_le(to, static_cast<std::uint32_t>(payload_bytes));
  to.push_back(static_cast<std::uint8_t>(type));
  to.push_back(priority);
  append_u16_le(to, recipient_count);
}

/// What stands in front of every envelope, written at once: as the machine has it is as the disk
/// has it (cursor.h).
struct EnvelopeRecordHeader {
  std::uint32_t payload_bytes;
  RecordType type;
  Priority priority;
  std::uint16_t recipient_count;
  std::uint64_t position;
  std::uint64_t epoch;
  std::uint64_t number;
};
static_assert(sizeof(EnvelopeRecordHeader) == kEnvelopeRecordHeaderBytes);

/// Reserves the header, and writes the length once the payload is there.
class RecordFrame {
 public:
  RecordFrame(RecordType type, ByteBuffer& to) : to_(to), begin_(to.size()) {
    begin_record(type, 0, 0, 0, to);
  }
  RecordFrame(const RecordFrame&) = delete;
  RecordFrame& operator=(const RecordFrame&) = delete;
  ~RecordFrame() {
    const auto length = static_cast<std::uint32_t>(to_.size() - begin_ - kRecordHeaderBytes);
    std::memcpy(to_.data() + begin_, &length, sizeof length);
  }

 private:
  ByteBuffer& to_;
  std::size_t begin_;
};

void append_sized(ByteBuffer& to, Bytes bytes) {
  append_u32_le(to, static_cast<std::uint32_t>(bytes.size()));
  append(to, bytes);
}

ByteBuffer take_sized(Cursor& in) {
  const Bytes bytes = in.take(in.u32_le());
  return {bytes.begin(), bytes.end()};
}

constexpr std::array<std::string_view, 3> kDurabilities{"synced", "written", "memory"};

void append_text(ByteBuffer& to, const std::string& text) {
  append_u16_le(to, static_cast<std::uint16_t>(text.size()));
  append(to, as_bytes(text));
}

template <typename AnyId>
AnyId take_id(Cursor& in) {
  const Bytes bytes = in.take(16);
  return bytes.empty() ? AnyId{} : AnyId{AnyId::from_bytes(bytes.data())};
}

/// A decoded payload, unless the cursor failed or bytes remain.
template <typename Record>
std::optional<Record> whole(const Cursor& in, Record record) {
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return record;
}

}  // namespace

std::string_view durability_text(Durability durability) {
  return kDurabilities.at(static_cast<std::size_t>(durability));
}

std::optional<Durability> durability_of_text(std::string_view text) {
  const auto at = std::find(kDurabilities.begin(), kDurabilities.end(), text);
  if (at == kDurabilities.end()) return std::nullopt;
  return static_cast<Durability>(at - kDurabilities.begin());
}

std::optional<RecordView> RecordReader::next() {
  while (offset_ < records_.size()) {
    Cursor in(records_.subspan(offset_));
    const std::uint32_t payload_bytes = in.u32_le();
    const std::uint8_t type = in.u8();
    RecordView record;
    record.type = static_cast<RecordType>(type);
    record.priority = in.u8();
    record.recipient_count = in.u16_le();
    record.sequence = sequence_;
    record.payload = in.take(payload_bytes);
    if (!in.ok()) return std::nullopt;
    if (type == kLeftOutType) {
      if (!pass_left_out(record.payload)) return std::nullopt;
      continue;
    }
    offset_ += kRecordHeaderBytes + payload_bytes;
    record.end_offset = offset_;
    ++sequence_;
    return record;
  }
  return std::nullopt;
}

bool RecordReader::pass_left_out(Bytes payload) {
  Cursor in(payload);
  const std::uint32_t count = in.u32_le();
  if (!in.ok() || !in.at_end() || count == 0) return false;
  sequence_ = sequence_.plus(count);
  offset_ += kRecordHeaderBytes + payload.size();
  return true;
}

void append_left_out(std::uint32_t count, ByteBuffer& to) {
  append_u32_le(to, sizeof count);
  append_u32_le(to, kLeftOutType);
  append_u32_le(to, count);
}

std::size_t encode_record(const EnvelopeRecord& record, ByteBuffer& to) {
  const std::size_t recipients = record.recipients.size() / 16;
  CAPSTAN_CHECK(record.recipients.size() % 16 == 0 && recipients <= UINT16_MAX);
  const std::size_t fixed = kEnvelopeRecordHeaderBytes - kRecordHeaderBytes;
  const EnvelopeRecordHeader header{
      static_cast<std::uint32_t>(fixed + record.recipients.size() + record.envelope.size()),
      RecordType::kEnvelope,
      record.priority,
      static_cast<std::uint16_t>(recipients),
      record.position.value,
      record.epoch,
      record.number};
  append(to, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  append(to, record.recipients);
  const std::size_t envelope_offset = to.size();
  append(to, record.envelope);
  return envelope_offset;
}

std::optional<EnvelopeRecord> decode_envelope_record(const RecordView& record) {
  if (record.priority > static_cast<std::uint8_t>(Priority::kUrgent)) return std::nullopt;
  Cursor in(record.payload);
  EnvelopeRecord envelope;
  envelope.priority = static_cast<Priority>(record.priority);
  envelope.position = Position{in.u64_le()};
  envelope.epoch = in.u64_le();
  envelope.number = in.u64_le();
  envelope.recipients = in.take(std::uint64_t{record.recipient_count} * 16);
  envelope.envelope = in.take(in.remaining());
  return whole(in, envelope);
}

void encode_record(const AgentRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kAgent, to);
  append(to, record.id.view());
  append(to, record.key);
  to.push_back(static_cast<std::uint8_t>(record.role));
  to.push_back(static_cast<std::uint8_t>(record.durability));
  append_u16_le(to, 0);
  append_u32_le(to, record.version);
  append_u64_le(to, record.created_at_ns);
  append_u64_le(to, record.updated_at_ns);
  append_u64_le(to, record.registered_at_ns);
  append_text(to, record.name);
  append_sized(to, record.profile.passport);
  append_sized(to, record.profile.resume);
  append_sized(to, as_bytes(record.profile.skill));
  append_sized(to, record.profile.rule);
}

std::optional<AgentRecord> decode_agent_record(Bytes payload) {
  Cursor in(payload);
  AgentRecord agent;
  agent.id = take_id<AgentId>(in);
  const Bytes key = in.take(agent.key.size());
  if (!key.empty()) std::memcpy(agent.key.data(), key.data(), key.size());
  agent.role = static_cast<AgentRole>(in.u8());
  const std::uint8_t durability = in.u8();
  if (durability > static_cast<std::uint8_t>(Durability::kMemory)) in.fail();
  agent.durability = static_cast<Durability>(durability);
  if (in.u16_le() != 0) in.fail();
  agent.version = in.u32_le();
  agent.created_at_ns = in.u64_le();
  agent.updated_at_ns = in.u64_le();
  agent.registered_at_ns = in.u64_le();
  agent.name = as_text(in.take(in.u16_le()));
  agent.profile.passport = take_sized(in);
  agent.profile.resume = take_sized(in);
  agent.profile.skill = as_text(take_sized(in));
  agent.profile.rule = take_sized(in);
  return whole(in, std::move(agent));
}

void encode_record(const SettledRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kSettled, to);
  append(to, record.agent.view());
  append(to, record.channel.view());
  to.push_back(static_cast<std::uint8_t>(record.why));
  append_u64_le(to, record.bytes);
  append_u32_le(to, static_cast<std::uint32_t>(record.intervals.size()));
  for (const Interval& interval : record.intervals) {
    append_u64_le(to, interval.first.value);
    append_u64_le(to, interval.last.value);
  }
}

std::optional<SettledRecord> decode_settled_record(Bytes payload) {
  Cursor in(payload);
  SettledRecord settled;
  settled.agent = take_id<AgentId>(in);
  settled.channel = take_id<ChannelId>(in);
  settled.why = static_cast<SettledWhy>(in.u8());
  settled.bytes = in.u64_le();
  const std::uint32_t count = in.u32_le();
  if (in.remaining() != std::size_t{count} * 16) return std::nullopt;
  settled.intervals.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Position first{in.u64_le()};
    settled.intervals.push_back({first, Position{in.u64_le()}});
  }
  return whole(in, std::move(settled));
}

void encode_record(const SkippedRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kSkipped, to);
  append(to, record.producer.agent.view());
  append_u64_le(to, record.producer.epoch);
  append_u64_le(to, record.number);
  if (record.count != 1) append_u64_le(to, record.count);
}

std::optional<SkippedRecord> decode_skipped_record(Bytes payload) {
  Cursor in(payload);
  SkippedRecord skipped;
  skipped.producer.agent = take_id<AgentId>(in);
  skipped.producer.epoch = in.u64_le();
  skipped.number = in.u64_le();
  if (in.ok() && !in.at_end()) {
    skipped.count = in.u64_le();
    // A stretch does not wrap, and has one form.
    if (skipped.count < 2 || skipped.number > UINT64_MAX - skipped.count) in.fail();
  }
  return whole(in, skipped);
}

void encode_record(const DuplicateRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kDuplicate, to);
  append(to, record.producer.agent.view());
  append_u64_le(to, record.producer.epoch);
  append_u64_le(to, record.number);
  append(to, record.id.view());
}

std::optional<DuplicateRecord> decode_duplicate_record(Bytes payload) {
  Cursor in(payload);
  DuplicateRecord duplicate;
  duplicate.producer.agent = take_id<AgentId>(in);
  duplicate.producer.epoch = in.u64_le();
  duplicate.number = in.u64_le();
  duplicate.id = take_id<EnvelopeId>(in);
  return whole(in, duplicate);
}

void encode_record(const RetryRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kRetry, to);
  append(to, record.agent.view());
  append(to, record.channel.view());
  append_u64_le(to, record.position.value);
  to.push_back(static_cast<std::uint8_t>(record.priority));
  append_u32_le(to, record.attempts);
  append_u64_le(to, record.failed_at_ns);
  append_u32_le(to, record.delay_ms);
  append_text(to, record.reason);
}

std::optional<RetryRecord> decode_retry_record(Bytes payload) {
  Cursor in(payload);
  RetryRecord retry;
  retry.agent = take_id<AgentId>(in);
  retry.channel = take_id<ChannelId>(in);
  retry.position = Position{in.u64_le()};
  const std::uint8_t priority = in.u8();
  if (priority > static_cast<std::uint8_t>(Priority::kUrgent)) in.fail();
  retry.priority = static_cast<Priority>(priority);
  retry.attempts = in.u32_le();
  retry.failed_at_ns = in.u64_le();
  retry.delay_ms = in.u32_le();
  retry.reason = as_text(in.take(in.u16_le()));
  return whole(in, std::move(retry));
}

void encode_record(const DeadRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kDead, to);
  append(to, record.agent.view());
  append(to, record.channel.view());
  append_u64_le(to, record.position.value);
  append_u32_le(to, record.attempts);
  append_u64_le(to, record.died_at_ns);
  append_text(to, record.reason);
  append(to, record.envelope);
}

std::optional<DeadRecord> decode_dead_record(Bytes payload) {
  Cursor in(payload);
  DeadRecord dead;
  dead.agent = take_id<AgentId>(in);
  dead.channel = take_id<ChannelId>(in);
  dead.position = Position{in.u64_le()};
  dead.attempts = in.u32_le();
  dead.died_at_ns = in.u64_le();
  dead.reason = as_text(in.take(in.u16_le()));
  dead.envelope = in.take(in.remaining());
  return whole(in, std::move(dead));
}

void encode_record(const DeadDroppedRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kDeadDropped, to);
  append(to, record.agent.view());
  append_u64_le(to, record.dead.value);
}

std::optional<DeadDroppedRecord> decode_dead_dropped_record(Bytes payload) {
  Cursor in(payload);
  DeadDroppedRecord dropped;
  dropped.agent = take_id<AgentId>(in);
  dropped.dead = Sequence{in.u64_le()};
  return whole(in, dropped);
}

void encode_record(const AgentRetiredRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kAgentRetired, to);
  append(to, record.agent.view());
  append_u64_le(to, record.retired_at_ns);
}

std::optional<AgentRetiredRecord> decode_agent_retired_record(Bytes payload) {
  Cursor in(payload);
  AgentRetiredRecord retired;
  retired.agent = take_id<AgentId>(in);
  retired.retired_at_ns = in.u64_le();
  return whole(in, retired);
}

void encode_record(const SegmentRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kSegment, to);
  append_u64_le(to, record.first.value);
  to.push_back(static_cast<std::uint8_t>(record.state));
}

std::optional<SegmentRecord> decode_segment_record(Bytes payload) {
  Cursor in(payload);
  SegmentRecord segment;
  segment.first = Sequence{in.u64_le()};
  segment.state = static_cast<SegmentState>(in.u8());
  return whole(in, segment);
}

void encode_record(const StartRecord& record, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kStart, to);
  append(to, record.boot.view());
  append_u64_le(to, record.wall_ns);
}

std::optional<StartRecord> decode_start_record(Bytes payload) {
  Cursor in(payload);
  StartRecord start;
  start.boot = take_id<BootId>(in);
  start.wall_ns = in.u64_le();
  return whole(in, start);
}

void encode_record(const Gap& gap, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kGap, to);
  append_u64_le(to, gap.first.value);
  append_u64_le(to, gap.last.value);
}

std::optional<Gap> decode_gap_record(Bytes payload) {
  Cursor in(payload);
  Gap gap;
  gap.first = Sequence{in.u64_le()};
  gap.last = Sequence{in.u64_le()};
  return whole(in, gap);
}

void encode_record(const SnapshotRow& row, ByteBuffer& to) {
  const RecordFrame frame(RecordType::kSnapshotRow, to);
  append_u32_le(to, static_cast<std::uint32_t>(row.key.size()));
  append(to, row.key);
  append(to, row.value);
}

std::optional<SnapshotRow> decode_snapshot_row(Bytes payload) {
  Cursor in(payload);
  SnapshotRow row;
  row.key = in.take(in.u32_le());
  row.value = in.take(in.remaining());
  return whole(in, row);
}

void encode_marker_record(RecordType type, ByteBuffer& to) { const RecordFrame frame(type, to); }

}  // namespace capstan
