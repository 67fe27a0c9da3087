// The rows of checkpoints and snapshots. FORMAT.md §5.
//
//   'A' agent id            → the payload of an agent record
//   'X' agent id            → a retired agent: when, and its agent record
//   'M' channel id          → next, pending bytes, settled floor, settled spans
//   'R' channel id, priority, first → part of the block index: runs from position `first` on
//   'P' agent id, epoch     → settled floor and spans, last use, runs of numbers and ids
//   'T' channel id, position → a failed delivery that will be tried again
//   'D' agent id, sequence  → a dead letter
//   'K' agent id, serial    → a group of idempotency keys
//   'S' first sequence      → segment state, and how much mail was stored in it
//   'G' first sequence      → last sequence of a gap
#include <algorithm>

#include "capstan/base/cursor.h"
#include "capstan/core/state.h"

namespace capstan {

namespace {

/// Runs of the block index per row: a row stays far below a block.
constexpr std::size_t kRunsPerRowMax = 1024;

std::string text(const ByteBuffer& bytes) { return std::string(as_text(bytes)); }

void append_key_number(std::string& key, std::uint64_t number) {
  number = __builtin_bswap64(number);  // Big-endian: rows come back in order.
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <typename AnyId>
std::string id_key(char kind, const AnyId& id) {
  std::string key(1, kind);
  key.append(as_text(id.view()));
  return key;
}

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

std::string agent_value(const AgentRecord& agent) {
  ByteBuffer record;
  encode_record(agent, record);
  return text({record.begin() + kRecordHeaderBytes, record.end()});
}

std::string retired_value(const RetiredAgent& retired) {
  ByteBuffer value;
  append_u64_le(value, retired.retired_at_ns);
  append(value, as_bytes(agent_value(retired.agent)));
  return text(value);
}

std::optional<RetiredAgent> read_retired(Cursor& in) {
  RetiredAgent retired;
  retired.retired_at_ns = in.u64_le();
  auto agent = decode_agent_record(in.take(in.remaining()));
  if (!in.ok() || !agent) return std::nullopt;
  retired.agent = *std::move(agent);
  return retired;
}

std::string mailbox_value(const Mailbox& mailbox) {
  ByteBuffer value;
  append_u64_le(value, mailbox.next.value);
  append_u64_le(value, mailbox.pending_bytes);
  append_positions(value, mailbox.settled);
  return text(value);
}

std::string producer_value(const Producer& producer) {
  ByteBuffer value;
  append_positions(value, producer.settled());
  append_u64_le(value, producer.last_used().value);
  append_u32_le(value, static_cast<std::uint32_t>(producer.runs().size()));
  for (const Producer::Run& run : producer.runs()) {
    append_u64_le(value, run.first);
    append_u64_le(value, run.count);
    append(value, run.first_id.view());
  }
  return text(value);
}

std::string retry_value(const Retry& retry) {
  ByteBuffer value;
  value.push_back(static_cast<std::uint8_t>(retry.priority));
  append_u32_le(value, retry.attempts);
  append_u64_le(value, retry.failed_at_ns);
  append_u32_le(value, retry.delay_ms);
  append(value, as_bytes(retry.reason));
  return text(value);
}

std::optional<Retry> read_retry(Cursor& in) {
  Retry retry;
  const std::uint8_t priority = in.u8();
  retry.priority = static_cast<Priority>(priority);
  retry.attempts = in.u32_le();
  retry.failed_at_ns = in.u64_le();
  retry.delay_ms = in.u32_le();
  retry.reason = as_text(in.take(in.remaining()));
  if (!in.ok() || priority >= kPriorityCount) return std::nullopt;
  return retry;
}

std::string dead_value(const DeadLetter& letter) {
  ByteBuffer value;
  append_u64_le(value, letter.block.value);
  append(value, letter.id.view());
  append(value, letter.sender.view());
  append_u64_le(value, letter.position.value);
  append_u32_le(value, letter.attempts);
  append_u64_le(value, letter.died_at_ns);
  append_u32_le(value, letter.bytes);
  append(value, as_bytes(letter.reason));
  return text(value);
}

std::optional<DeadLetter> read_dead(Sequence record, Cursor& in) {
  DeadLetter letter;
  letter.record = record;
  letter.block = Sequence{in.u64_le()};
  const Bytes id = in.take(16);
  const Bytes sender = in.take(16);
  if (!in.ok()) return std::nullopt;
  letter.id = EnvelopeId::from_bytes(id.data());
  letter.sender = AgentId::from_bytes(sender.data());
  letter.position = Position{in.u64_le()};
  letter.attempts = in.u32_le();
  letter.died_at_ns = in.u64_le();
  letter.bytes = in.u32_le();
  letter.reason = as_text(in.take(in.remaining()));
  if (!in.ok()) return std::nullopt;
  return letter;
}

std::string gap_value(const Gap& gap) {
  ByteBuffer value;
  append_u64_le(value, gap.last.value);
  return text(value);
}

SegmentContents take_contents(Cursor& in) {
  SegmentContents contents;
  contents.envelopes = in.u64_le();
  contents.bytes = in.u64_le();
  contents.newest_ns = in.u64_le();
  return contents;
}

std::optional<Producer> read_producer(Cursor& in) {
  PositionSet settled = take_positions(in);
  const Sequence last_used{in.u64_le()};
  const std::uint32_t count = in.u32_le();
  std::deque<Producer::Run> runs;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    Producer::Run run;
    run.first = in.u64_le();
    run.count = in.u64_le();
    const Bytes id = in.take(16);
    if (!in.ok()) return std::nullopt;
    run.first_id = EnvelopeId::from_bytes(id.data());
    runs.push_back(run);
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return Producer(std::move(settled), std::move(runs), last_used);
}

}  // namespace

std::string State::agent_key(AgentId agent) { return id_key('A', agent); }
std::string State::retired_key(AgentId agent) { return id_key('X', agent); }
std::string State::mailbox_key(ChannelId channel) { return id_key('M', channel); }

std::string State::runs_key(ChannelId channel, std::size_t lane, Position first) {
  std::string key = id_key('R', channel);
  key.push_back(static_cast<char>(lane));
  append_key_number(key, first.value);
  return key;
}

std::string State::retry_key(ChannelId channel, Position position) {
  std::string key = id_key('T', channel);
  append_key_number(key, position.value);
  return key;
}

std::string State::dead_key(AgentId agent, Sequence record) {
  std::string key = id_key('D', agent);
  append_key_number(key, record.value);
  return key;
}

std::string State::segment_key(Sequence first) {
  std::string key(1, 'S');
  append_key_number(key, first.value);
  return key;
}

std::string State::segment_value(Sequence first) const {
  const SegmentContents& contents = contents_.at(first);
  ByteBuffer value;
  value.push_back(static_cast<std::uint8_t>(segments_.at(first)));
  append_u64_le(value, contents.envelopes);
  append_u64_le(value, contents.bytes);
  append_u64_le(value, contents.newest_ns);
  return text(value);
}

std::string State::gap_key(Sequence first) {
  std::string key(1, 'G');
  append_key_number(key, first.value);
  return key;
}

std::string State::producer_key(const ProducerId& id) {
  std::string key = id_key('P', id.agent);
  append_key_number(key, id.epoch);
  return key;
}

namespace {

/// Rows for the runs from `at` on; calls `row(first, last, value)` for each.
template <typename Row>
void split_runs(const MailRuns& runs, MailRuns::Iterator at, Row row) {
  while (at != runs.end()) {
    const Position first = at->first;
    ByteBuffer value;
    MailRun last;
    for (std::size_t i = 0; i < kRunsPerRowMax && at != runs.end(); ++i, ++at) {
      append_run(value, last, *at);
      last = *at;
    }
    row(first, last.last(), text(value));
  }
}

/// The keys of a hash table in the order of their bytes.
template <typename Table>
auto sorted_keys(const Table& table) {
  std::vector<typename Table::key_type> keys;
  keys.reserve(table.size());
  for (const auto& entry : table) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

Status State::load_row(Bytes key, Bytes value) {
  const Error damaged{ErrorCode::kDamaged,
                      "state row " + to_hex(key) + " does not have a known shape (FORMAT.md §5)"};
  Cursor name(key);
  const char kind = static_cast<char>(name.u8());
  Cursor in(value);
  if (kind == 'S') {
    const Sequence first{name.u64_be()};
    const auto state = static_cast<SegmentState>(in.u8());
    const SegmentContents contents = take_contents(in);
    if (!name.ok() || !name.at_end() || !in.ok() || !in.at_end()) return damaged;
    segments_[first] = state;
    contents_[first] = contents;
    return {};
  }
  if (kind == 'G') {
    const Sequence first{name.u64_be()};
    gaps_.insert({first, Sequence{in.u64_le()}});
    return name.ok() && in.ok() && in.at_end() ? Status() : Status(damaged);
  }
  const Bytes id = name.take(16);
  if (!name.ok()) return damaged;
  switch (kind) {
    case 'A': {
      const auto agent = decode_agent_record(value);
      if (!agent) return damaged;
      put_agent(*agent);
      return {};
    }
    case 'X': {
      auto retired = read_retired(in);
      if (!retired) return damaged;
      const AgentId retired_id = retired->agent.id;
      retired_[retired_id] = *std::move(retired);
      return {};
    }
    case 'M': {
      Mailbox& mailbox = mailboxes_[ChannelId::from_bytes(id.data())];
      mailbox.next = Position{in.u64_le()};
      mailbox.pending_bytes = in.u64_le();
      mailbox.settled = take_positions(in);
      return in.ok() && in.at_end() ? Status() : Status(damaged);
    }
    case 'R': {
      const ChannelId channel = ChannelId::from_bytes(id.data());
      const std::size_t priority = name.u8();
      const Position first{name.u64_be()};
      if (!name.ok() || priority >= kPriorityCount) return damaged;
      Mailbox& mailbox = mailboxes_[channel];
      MailRuns& lane = mailbox.lanes[priority];
      MailRun run;
      while (in.ok() && !in.at_end()) {
        run = take_run(in, run);
        if (!in.ok() || run.span == 0) return damaged;
        // 'M' sorts before 'R': what is settled is known, and not kept at the front.
        if (!lane.empty() || !is_settled(mailbox, run)) add_run(lane, run);
      }
      if (!in.ok() || run.span == 0) return damaged;
      SavedRuns& saved = saved_runs_[channel][priority];
      saved.rows.emplace_back(first, run.last());
      saved.saved_up_to = run.last();
      return {};
    }
    case 'P': {
      const ProducerId producer_id{AgentId::from_bytes(id.data()), name.u64_be()};
      auto producer = read_producer(in);
      if (!producer || !name.ok()) return damaged;
      epochs_[producer_id.agent].push_back(producer_id.epoch);
      producers_[producer_id] = *std::move(producer);
      return {};
    }
    case 'T': {
      const Position position{name.u64_be()};
      auto retry = read_retry(in);
      if (!retry || !name.ok()) return damaged;
      mailboxes_[ChannelId::from_bytes(id.data())].retries[position] = *std::move(retry);
      return {};
    }
    case 'D': {
      const Sequence record{name.u64_be()};
      auto letter = read_dead(record, in);
      if (!letter || !name.ok()) return damaged;
      dead_[AgentId::from_bytes(id.data())].push_back(*std::move(letter));
      return {};
    }
    case 'K': {
      const std::uint64_t serial = name.u64_be();
      if (!name.ok()) return damaged;
      return idempotency_keys_.load(AgentId::from_bytes(id.data()), serial, value)
                 ? Status()
                 : Status(damaged);
    }
    default:
      return damaged;
  }
}

bool State::dirty() const {
  return idempotency_keys_.dirty() || !dirty_retries_.empty() || !dirty_dead_.empty() ||
         !dirty_segments_.empty() || filled_ || dirty_gaps_ || !dirty_agents_.empty() ||
         !dirty_retired_.empty() || !dirty_mailboxes_.empty() || !dirty_producers_.empty() ||
         !deleted_keys_.empty();
}

void State::mark_all_dirty() {
  saved_runs_.clear();
  for (const auto& [id, agent] : agents_) dirty_agents_.insert(id);
  for (const auto& [id, retired] : retired_) dirty_retired_.insert(id);
  for (const auto& [channel, mailbox] : mailboxes_) dirty_mailboxes_.insert(channel);
  for (const auto& [id, producer] : producers_) dirty_producers_.insert(id);
  idempotency_keys_.mark_all_dirty();
  for (const auto& [channel, mailbox] : mailboxes_) {
    for (const auto& entry : mailbox.retries) dirty_retries_.insert({channel, entry.first});
  }
  for (const auto& [agent, letters] : dead_) {
    for (const DeadLetter& letter : letters) dirty_dead_.insert({agent, letter.record});
  }
  for (const auto& segment : segments_) dirty_segments_.insert(segment.first);
  dirty_gaps_ = true;
}

void State::save_new_runs(ChannelId channel, std::size_t lane, const MailRuns& runs,
                          SavedRuns& saved, Checkpoint& checkpoint) {
  const MailRuns::Iterator unsaved = runs.from(saved.saved_up_to.plus(1));
  split_runs(runs, unsaved, [&](Position first, Position last, std::string value) {
    checkpoint.puts.push_back({runs_key(channel, lane, first), std::move(value)});
    saved.rows.emplace_back(first, last);
    saved.saved_up_to = last;
  });
}

Checkpoint State::take_dirty_rows() {
  Checkpoint checkpoint;
  checkpoint.applied = applied_;
  checkpoint.deletes.swap(deleted_keys_);
  for (const AgentId& id : dirty_agents_) {
    checkpoint.puts.push_back({agent_key(id), agent_value(agents_.at(id))});
  }
  for (const AgentId& id : dirty_retired_) {
    checkpoint.puts.push_back({retired_key(id), retired_value(retired_.at(id))});
  }
  for (const ChannelId& channel : dirty_mailboxes_) {
    const Mailbox& mailbox = mailboxes_.at(channel);
    checkpoint.puts.push_back({mailbox_key(channel), mailbox_value(mailbox)});
    SavedLanes& saved = saved_runs_[channel];
    bool any_rows = false;
    for (std::size_t i = 0; i < kPriorityCount; ++i) {
      save_new_runs(channel, i, mailbox.lanes[i], saved[i], checkpoint);
      any_rows = any_rows || !saved[i].rows.empty();
    }
    if (!any_rows) saved_runs_.erase(channel);
  }
  for (const auto& [channel, position] : dirty_retries_) {
    checkpoint.puts.push_back(
        {retry_key(channel, position), retry_value(mailboxes_.at(channel).retries.at(position))});
  }
  for (const auto& [agent, record] : dirty_dead_) {
    checkpoint.puts.push_back({dead_key(agent, record), dead_value(dead_letter(agent, record))});
  }
  idempotency_keys_.take_dirty(checkpoint.puts, checkpoint.deletes);
  for (const ProducerId& id : dirty_producers_) {
    checkpoint.puts.push_back({producer_key(id), producer_value(producers_.at(id))});
    // One that was forgotten and came back: its row must not go with the deletes.
    if (!checkpoint.deletes.empty()) std::erase(checkpoint.deletes, checkpoint.puts.back().key);
  }
  mark_filled();
  for (const Sequence& first : dirty_segments_) {
    checkpoint.puts.push_back({segment_key(first), segment_value(first)});
  }
  if (dirty_gaps_) {
    for (const Gap& gap : gaps_) checkpoint.puts.push_back({gap_key(gap.first), gap_value(gap)});
  }
  last_producer_ = nullptr;
  last_dirty_mailbox_ = {};
  dirty_agents_.clear();
  dirty_retired_.clear();
  dirty_mailboxes_.clear();
  dirty_producers_.clear();
  dirty_retries_.clear();
  dirty_dead_.clear();
  dirty_segments_.clear();
  dirty_gaps_ = false;
  return checkpoint;
}

void State::for_each_row(const RowSink& take) const {
  const std::vector<ChannelId> channels = sorted_keys(mailboxes_);
  for (const AgentId& id : sorted_keys(agents_)) take({agent_key(id), agent_value(agents_.at(id))});
  for (const auto& [agent, letters] : dead_) {
    for (const DeadLetter& letter : letters) {
      take({dead_key(agent, letter.record), dead_value(letter)});
    }
  }
  for (const Gap& gap : gaps_) take({gap_key(gap.first), gap_value(gap)});
  idempotency_keys_.for_each_row(take);
  for (const ChannelId& channel : channels) {
    take({mailbox_key(channel), mailbox_value(mailboxes_.at(channel))});
  }
  for (const ProducerId& id : sorted_keys(producers_)) {
    take({producer_key(id), producer_value(producers_.at(id))});
  }
  for (const ChannelId& channel : channels) {
    const Mailbox& mailbox = mailboxes_.at(channel);
    for (std::size_t i = 0; i < kPriorityCount; ++i) {
      const MailRuns& runs = mailbox.lanes[i];
      split_runs(runs, runs.begin(), [&](Position first, Position, std::string value) {
        take({runs_key(channel, i, first), std::move(value)});
      });
    }
  }
  for (const auto& segment : segments_) {
    take({segment_key(segment.first), segment_value(segment.first)});
  }
  for (const ChannelId& channel : channels) {
    for (const auto& [position, retry] : mailboxes_.at(channel).retries) {
      take({retry_key(channel, position), retry_value(retry)});
    }
  }
  for (const auto& [id, retired] : retired_) take({retired_key(id), retired_value(retired)});
}

std::vector<StateRow> State::all_rows() const {
  std::vector<StateRow> rows;
  for_each_row([&](const StateRow& row) { rows.push_back(row); });
  return rows;
}

}  // namespace capstan
