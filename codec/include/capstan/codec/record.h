// What the WAL holds. FORMAT.md §4 gives the bytes of every record.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/base/bytes.h"
#include "capstan/base/ids.h"
#include "capstan/codec/envelope.h"

namespace capstan {

enum class RecordType : std::uint8_t {
  kEnvelope = 1,
  kAgent = 2,
  kSettled = 3,
  kSkipped = 4,
  kSegment = 5,
  kStart = 6,
  kGap = 7,
  kSnapshotBegin = 8,
  kSnapshotRow = 9,
  kSnapshotEnd = 10,
  kDuplicate = 11,
  kRetry = 12,
  kDead = 13,
  kDeadDropped = 14,
  kAgentRetired = 15,
};

/// In the place of records that a thinned block leaves out: no record, and no reader sees it.
inline constexpr std::uint8_t kLeftOutType = 255;

/// A client life: the numbers of its sends form one series.
struct ProducerId {
  AgentId agent;
  std::uint64_t epoch = 0;
  auto operator<=>(const ProducerId&) const = default;
};

/// An envelope with its recipients and the number its producer gave it.
struct EnvelopeRecord {
  Position position;
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  Bytes recipients;  ///< 16 bytes each; empty: the owner of the mailbox that the envelope names.
  Bytes envelope;    ///< Compact form, stamped.
  Priority priority = Priority::kNormal;  ///< The envelope's, so that nobody has to parse it.
};

enum class AgentRole : std::uint8_t { kAgent = 0, kAdmin = 1 };

/// What an envelope's acceptance into a mailbox promises.
enum class Durability : std::uint8_t {
  kSynced = 0,   ///< It survives a power cut.
  kWritten = 1,  ///< It survives the end of the hub process; a power cut may take the newest.
  kMemory = 2,   ///< It lives as long as the hub process, and goes to present receivers alone.
};

/// "synced", "written", "memory".
[[nodiscard]] std::string_view durability_text(Durability durability);
[[nodiscard]] std::optional<Durability> durability_of_text(std::string_view text);

/// What an agent says about itself when it registers. The hub looks into the maps to find agents
/// by them, and stores them as they came. Limits: kPassportBytesMax and so on (limits.h).
struct AgentProfile {
  ByteBuffer passport;  ///< A msgpack map, or empty.
  ByteBuffer resume;    ///< A msgpack map, or empty.
  std::string skill;    ///< Text in the form of SKILL.md, or empty.
  ByteBuffer rule;      ///< A msgpack map, or empty.
  [[nodiscard]] std::size_t bytes() const {
    return passport.size() + resume.size() + skill.size() + rule.size();
  }
  bool operator==(const AgentProfile&) const = default;
};

struct AgentRecord {
  AgentId id;
  std::string name;
  std::array<std::uint8_t, 32> key{};  ///< CURVE public key that registered it; zero: any admitted.
  AgentRole role = AgentRole::kAgent;
  Durability durability = Durability::kSynced;  ///< Of its mailbox.
  std::uint32_t version = 1;                    ///< One more with each change.
  std::uint64_t created_at_ns = 0;
  std::uint64_t updated_at_ns = 0;
  std::uint64_t registered_at_ns = 0;  ///< Since when it is registered; 0: it is not.
  AgentProfile profile;                ///< Empty unless it is registered.
  bool operator==(const AgentRecord&) const = default;
};

/// Positions first … last, both included.
struct Interval {
  Position first;
  Position last;
  auto operator<=>(const Interval&) const = default;
};

enum class SettledWhy : std::uint8_t {
  kAcknowledged = 0,
  kGap = 1,
  kExpired = 2,
  kDead = 3,
  kPassed = 4,  ///< Never stored here: no other mail may have these positions.
};

struct SettledRecord {
  AgentId agent;
  ChannelId channel;
  SettledWhy why = SettledWhy::kAcknowledged;
  std::uint64_t bytes = 0;  ///< Of the settled envelopes, for the inbox's byte count.
  std::vector<Interval> intervals;
  bool operator==(const SettledRecord&) const = default;
};

/// Numbers that are settled without an envelope: one that the client gave up, or a stretch of those
/// whose mail went on without being stored.
struct SkippedRecord {
  ProducerId producer;
  std::uint64_t number = 0;  ///< The first.
  std::uint64_t count = 1;
  bool operator==(const SkippedRecord&) const = default;
};

/// A number whose envelope's idempotency key was stored before: it counts as stored under that id.
struct DuplicateRecord {
  ProducerId producer;
  std::uint64_t number = 0;
  EnvelopeId id;
  bool operator==(const DuplicateRecord&) const = default;
};

/// A delivery has failed; the envelope is delivered again after a while.
struct RetryRecord {
  AgentId agent;
  ChannelId channel;
  Position position;
  Priority priority = Priority::kNormal;
  std::uint32_t attempts = 0;      ///< That have failed.
  std::uint64_t failed_at_ns = 0;  ///< Wall clock.
  std::uint32_t delay_ms = 0;      ///< From then on.
  std::string reason;
  bool operator==(const RetryRecord&) const = default;
};

/// An envelope that could not be delivered, kept for people: a copy.
struct DeadRecord {
  AgentId agent;
  ChannelId channel;
  Position position;
  std::uint32_t attempts = 0;
  std::uint64_t died_at_ns = 0;  ///< Wall clock.
  std::string reason;
  Bytes envelope;  ///< Compact form, as it was stored.
};

/// A dead letter that is kept no longer.
struct DeadDroppedRecord {
  AgentId agent;
  Sequence dead;  ///< Of its DeadRecord.
  bool operator==(const DeadDroppedRecord&) const = default;
};

/// An agent that was removed: its name is free, its waiting mail becomes dead letters.
struct AgentRetiredRecord {
  AgentId agent;
  std::uint64_t retired_at_ns = 0;  ///< Wall clock.
  bool operator==(const AgentRetiredRecord&) const = default;
};

/// `kDropping` is durable before anything is destroyed; `kDropped` removes the segment from the
/// list.
/// kCold: only what was needed of it is kept, in a thinned copy.
enum class SegmentState : std::uint8_t {
  kOpen = 0,
  kSealed = 1,
  kDropping = 2,
  kDropped = 3,
  kCold = 4
};

struct SegmentRecord {
  Sequence first;
  SegmentState state = SegmentState::kOpen;
  bool operator==(const SegmentRecord&) const = default;
};

struct StartRecord {
  BootId boot;
  std::uint64_t wall_ns = 0;
  bool operator==(const StartRecord&) const = default;
};

struct SnapshotRow {
  Bytes key;
  Bytes value;
};

/// One record of a block, not yet looked into.
struct RecordView {
  RecordType type{};
  Sequence sequence;
  std::size_t end_offset = 0;  ///< Of this record in the block: where the next one begins.
  std::uint8_t priority = 0;   ///< Of an envelope.
  std::uint16_t recipient_count = 0;
  Bytes payload;
};

inline constexpr std::size_t kRecordHeaderBytes = 8;
inline constexpr std::size_t kEnvelopeRecordHeaderBytes = 32;

/// Walks the records of a block from `offset`, whose record has sequence `at`.
class RecordReader {
 public:
  explicit RecordReader(const Block& block) : RecordReader(block, 0, block.base) {}
  RecordReader(const Block& block, std::size_t offset, Sequence at)
      : records_(block.records), offset_(offset), sequence_(at) {}

  /// Empty at the end and at a record that does not fit: the latter never happens in a block whose
  /// checksum holds, unless another version wrote it.
  [[nodiscard]] std::optional<RecordView> next();
  [[nodiscard]] bool at_end() const { return offset_ == records_.size(); }

 private:
  [[nodiscard]] bool pass_left_out(Bytes payload);

  Bytes records_;
  std::size_t offset_;
  Sequence sequence_;
};

// Decoders of a record's payload; empty when it does not have the record's shape.
[[nodiscard]] std::optional<EnvelopeRecord> decode_envelope_record(const RecordView& record);
[[nodiscard]] std::optional<AgentRecord> decode_agent_record(Bytes payload);
[[nodiscard]] std::optional<SettledRecord> decode_settled_record(Bytes payload);
[[nodiscard]] std::optional<SkippedRecord> decode_skipped_record(Bytes payload);
[[nodiscard]] std::optional<DuplicateRecord> decode_duplicate_record(Bytes payload);
[[nodiscard]] std::optional<RetryRecord> decode_retry_record(Bytes payload);
[[nodiscard]] std::optional<DeadRecord> decode_dead_record(Bytes payload);
[[nodiscard]] std::optional<DeadDroppedRecord> decode_dead_dropped_record(Bytes payload);
[[nodiscard]] std::optional<AgentRetiredRecord> decode_agent_retired_record(Bytes payload);
[[nodiscard]] std::optional<SegmentRecord> decode_segment_record(Bytes payload);
[[nodiscard]] std::optional<StartRecord> decode_start_record(Bytes payload);
[[nodiscard]] std::optional<Gap> decode_gap_record(Bytes payload);
[[nodiscard]] std::optional<SnapshotRow> decode_snapshot_row(Bytes payload);

// Encoders append one whole record.
/// Says that `count` records, at least 1, are left out here.
void append_left_out(std::uint32_t count, ByteBuffer& to);
/// Appends the record with `envelope` as it came and returns where its bytes begin in `to`, so that
/// the caller can stamp the head in place.
std::size_t encode_record(const EnvelopeRecord& record, ByteBuffer& to);
void encode_record(const AgentRecord& record, ByteBuffer& to);
void encode_record(const SettledRecord& record, ByteBuffer& to);
void encode_record(const SkippedRecord& record, ByteBuffer& to);
void encode_record(const DuplicateRecord& record, ByteBuffer& to);
void encode_record(const RetryRecord& record, ByteBuffer& to);
void encode_record(const DeadRecord& record, ByteBuffer& to);
void encode_record(const DeadDroppedRecord& record, ByteBuffer& to);
void encode_record(const AgentRetiredRecord& record, ByteBuffer& to);
void encode_record(const SegmentRecord& record, ByteBuffer& to);
void encode_record(const StartRecord& record, ByteBuffer& to);
void encode_record(const Gap& record, ByteBuffer& to);
void encode_record(const SnapshotRow& record, ByteBuffer& to);
/// kSnapshotBegin and kSnapshotEnd have no payload.
void encode_marker_record(RecordType type, ByteBuffer& to);

}  // namespace capstan
