#include "state_row_codec.h"

#include <deque>
#include <utility>

#include "capstan/base/cursor.h"

namespace capstan {

namespace {

/// Runs of the block index per row: a row stays far below a block.
constexpr std::size_t kRunsPerRowMax = 1024;

std::string text(const ByteBuffer& bytes) { return std::string(as_text(bytes)); }

// ---- Keys ----

void append_number(std::string& key, std::uint64_t number) {
  number = __builtin_bswap64(number);
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <typename AnyId>
std::string id_key(RowKind kind, const AnyId& id) {
  std::string key(1, static_cast<char>(kind));
  key.append(as_text(id.view()));
  return key;
}

template <typename AnyId>
std::string id_key(RowKind kind, const AnyId& id, std::uint64_t number) {
  std::string key = id_key(kind, id);
  append_number(key, number);
  return key;
}

std::string number_key(RowKind kind, std::uint64_t number) {
  std::string key(1, static_cast<char>(kind));
  append_number(key, number);
  return key;
}

/// What stands in a key behind its kind.
Cursor behind_kind(Bytes key) {
  Cursor in(key);
  (void)in.u8();
  return in;
}

// ---- Parts of values ----

template <typename AnyId>
AnyId take_id(Cursor& in) {
  const Bytes id = in.take(16);
  return in.ok() ? AnyId::from_bytes(id.data()) : AnyId{};
}

std::string take_rest(Cursor& in) { return std::string(as_text(in.take(in.remaining()))); }

void append_positions(ByteBuffer& to, const PositionSet& set) {
  append_u64_le(to, set.floor());
  const std::vector<PositionSet::Span> spans = set.spans();
  append_u32_le(to, static_cast<std::uint32_t>(spans.size()));
  for (const PositionSet::Span& span : spans) {
    append_u64_le(to, span.first);
    append_u64_le(to, span.last);
  }
}

PositionSet take_positions(Cursor& in) {
  const std::uint64_t floor = in.u64_le();
  const std::uint32_t count = in.u32_le();
  if (in.remaining() / 16 < count) in.fail();
  std::vector<PositionSet::Span> spans;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t first = in.u64_le();
    spans.push_back({first, in.u64_le()});
  }
  return {floor, spans};
}

void append_producer_run(ByteBuffer& to, const Producer::Run& run) {
  append_u64_le(to, run.first);
  append_u64_le(to, run.count);
  append(to, run.first_id.view());
}

Producer::Run take_producer_run(Cursor& in) {
  Producer::Run run;
  run.first = in.u64_le();
  run.count = in.u64_le();
  run.first_id = take_id<EnvelopeId>(in);
  return run;
}

std::string agent_value(const AgentRecord& agent) {
  ByteBuffer record;
  encode_record(agent, record);
  return text({record.begin() + kRecordHeaderBytes, record.end()});
}

}  // namespace

RowKind kind_of_row(Bytes key) { return static_cast<RowKind>(Cursor(key).u8()); }

// ---- Agents ----

std::string agent_key(AgentId agent) { return id_key(RowKind::kAgent, agent); }

StateRow agent_row(const AgentRecord& agent) { return {agent_key(agent.id), agent_value(agent)}; }

std::optional<AgentRecord> agent_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  (void)take_id<AgentId>(name);
  return name.ok() ? decode_agent_record(value) : std::nullopt;
}

std::string retired_key(AgentId agent) { return id_key(RowKind::kRetired, agent); }

StateRow retired_row(const RetiredAgent& retired) {
  ByteBuffer value;
  append_u64_le(value, retired.retired_at_ns);
  append(value, as_bytes(agent_value(retired.agent)));
  return {retired_key(retired.agent.id), text(value)};
}

std::optional<RetiredAgent> retired_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  (void)take_id<AgentId>(name);
  const std::uint64_t retired_at_ns = in.u64_le();
  auto agent = decode_agent_record(in.take(in.remaining()));
  if (!name.ok() || !in.ok() || !agent) return std::nullopt;
  return RetiredAgent{*std::move(agent), retired_at_ns};
}

// ---- Mailboxes ----

std::string mailbox_key(ChannelId channel) { return id_key(RowKind::kMailbox, channel); }

StateRow mailbox_row(ChannelId channel, const Mailbox& mailbox) {
  ByteBuffer value;
  append_u64_le(value, mailbox.next.value);
  append_u64_le(value, mailbox.pending_bytes);
  append_positions(value, mailbox.settled);
  return {mailbox_key(channel), text(value)};
}

std::optional<MailboxRow> mailbox_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  MailboxRow row;
  row.channel = take_id<ChannelId>(name);
  row.next = Position{in.u64_le()};
  row.pending_bytes = in.u64_le();
  row.settled = take_positions(in);
  if (!name.ok() || !in.ok() || !in.at_end()) return std::nullopt;
  return row;
}

std::string runs_key(ChannelId channel, std::size_t lane, Position first) {
  std::string key = id_key(RowKind::kRuns, channel);
  key.push_back(static_cast<char>(lane));
  append_number(key, first.value);
  return key;
}

void for_each_runs_row(ChannelId channel, std::size_t lane, const MailRuns& runs,
                       MailRuns::Iterator at, const RunsRowSink& take) {
  while (at != runs.end()) {
    const Position first = at->first;
    ByteBuffer value;
    MailRun last;
    for (std::size_t i = 0; i < kRunsPerRowMax && at != runs.end(); ++i, ++at) {
      append_run(value, last, *at);
      last = *at;
    }
    take({runs_key(channel, lane, first), text(value)}, first, last.last());
  }
}

std::optional<RunsRow> runs_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  RunsRow row;
  row.channel = take_id<ChannelId>(name);
  row.lane = name.u8();
  row.first = Position{name.u64_be()};
  if (!name.ok() || row.lane >= kPriorityCount) return std::nullopt;
  Cursor in(value);
  MailRun run;
  while (!in.at_end()) {
    run = take_run(in, run);
    if (!in.ok() || run.span == 0) return std::nullopt;
    row.runs.push_back(run);
  }
  if (row.runs.empty()) return std::nullopt;
  return row;
}

std::string retry_key(ChannelId channel, Position position) {
  return id_key(RowKind::kRetry, channel, position.value);
}

StateRow retry_row(ChannelId channel, Position position, const Retry& retry) {
  ByteBuffer value;
  value.push_back(static_cast<std::uint8_t>(retry.priority));
  append_u32_le(value, retry.attempts);
  append_u64_le(value, retry.failed_at_ns);
  append_u32_le(value, retry.delay_ms);
  append(value, as_bytes(retry.reason));
  return {retry_key(channel, position), text(value)};
}

std::optional<RetryRow> retry_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  RetryRow row;
  row.channel = take_id<ChannelId>(name);
  row.position = Position{name.u64_be()};
  const std::uint8_t priority = in.u8();
  row.retry.priority = static_cast<Priority>(priority);
  row.retry.attempts = in.u32_le();
  row.retry.failed_at_ns = in.u64_le();
  row.retry.delay_ms = in.u32_le();
  row.retry.reason = take_rest(in);
  if (!name.ok() || !in.ok() || priority >= kPriorityCount) return std::nullopt;
  return row;
}

// ---- Dead letters ----

std::string dead_letter_key(AgentId agent, Sequence record) {
  return id_key(RowKind::kDeadLetter, agent, record.value);
}

StateRow dead_letter_row(AgentId agent, const DeadLetter& letter) {
  ByteBuffer value;
  append_u64_le(value, letter.block.value);
  append(value, letter.id.view());
  append(value, letter.sender.view());
  append_u64_le(value, letter.position.value);
  append_u32_le(value, letter.attempts);
  append_u64_le(value, letter.died_at_ns);
  append_u32_le(value, letter.bytes);
  append(value, as_bytes(letter.reason));
  return {dead_letter_key(agent, letter.record), text(value)};
}

std::optional<DeadLetterRow> dead_letter_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  DeadLetterRow row;
  row.agent = take_id<AgentId>(name);
  row.letter.record = Sequence{name.u64_be()};
  row.letter.block = Sequence{in.u64_le()};
  row.letter.id = take_id<EnvelopeId>(in);
  row.letter.sender = take_id<AgentId>(in);
  row.letter.position = Position{in.u64_le()};
  row.letter.attempts = in.u32_le();
  row.letter.died_at_ns = in.u64_le();
  row.letter.bytes = in.u32_le();
  row.letter.reason = take_rest(in);
  if (!name.ok() || !in.ok()) return std::nullopt;
  return row;
}

// ---- Senders ----

std::string producer_key(const ProducerId& id) {
  return id_key(RowKind::kProducer, id.agent, id.epoch);
}

StateRow producer_row(const ProducerId& id, const Producer& producer) {
  ByteBuffer value;
  append_positions(value, producer.settled());
  append_u64_le(value, producer.last_used().value);
  append_u32_le(value, static_cast<std::uint32_t>(producer.runs().size()));
  for (const Producer::Run& run : producer.runs()) append_producer_run(value, run);
  return {producer_key(id), text(value)};
}

std::optional<ProducerRow> producer_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  ProducerId id;
  id.agent = take_id<AgentId>(name);
  id.epoch = name.u64_be();
  PositionSet settled = take_positions(in);
  const Sequence last_used{in.u64_le()};
  const std::uint32_t count = in.u32_le();
  std::deque<Producer::Run> runs;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) runs.push_back(take_producer_run(in));
  if (!name.ok() || !in.ok() || !in.at_end()) return std::nullopt;
  return ProducerRow{id, Producer(std::move(settled), std::move(runs), last_used)};
}

std::string keys_key(AgentId sender, std::uint64_t serial) {
  return id_key(RowKind::kKeys, sender, serial);
}

std::optional<KeysRow> keys_of_row(Bytes key) {
  Cursor name = behind_kind(key);
  KeysRow row;
  row.sender = take_id<AgentId>(name);
  row.serial = name.u64_be();
  if (!name.ok()) return std::nullopt;
  return row;
}

// ---- Segments and gaps ----

std::string segment_key(Sequence first) { return number_key(RowKind::kSegment, first.value); }

StateRow segment_row(Sequence first, SegmentState state, const SegmentContents& contents) {
  ByteBuffer value;
  value.push_back(static_cast<std::uint8_t>(state));
  append_u64_le(value, contents.envelopes);
  append_u64_le(value, contents.bytes);
  append_u64_le(value, contents.newest_ns);
  value.push_back(contents.has_snapshot ? 1 : 0);
  return {segment_key(first), text(value)};
}

std::optional<SegmentRow> segment_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  SegmentRow row;
  row.first = Sequence{name.u64_be()};
  row.state = static_cast<SegmentState>(in.u8());
  row.contents.envelopes = in.u64_le();
  row.contents.bytes = in.u64_le();
  row.contents.newest_ns = in.u64_le();
  const std::uint8_t has_snapshot = in.u8();
  row.contents.has_snapshot = has_snapshot == 1;
  if (has_snapshot > 1 || !name.ok() || !name.at_end() || !in.ok() || !in.at_end())
    return std::nullopt;
  return row;
}

StateRow gap_row(const Gap& gap) {
  ByteBuffer value;
  append_u64_le(value, gap.last.value);
  return {number_key(RowKind::kGap, gap.first.value), text(value)};
}

std::optional<Gap> gap_of_row(Bytes key, Bytes value) {
  Cursor name = behind_kind(key);
  Cursor in(value);
  const Gap gap{Sequence{name.u64_be()}, Sequence{in.u64_le()}};
  if (!name.ok() || !in.ok() || !in.at_end()) return std::nullopt;
  return gap;
}

}  // namespace capstan
