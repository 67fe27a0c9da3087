#include "capstan/core/state.h"

#include <algorithm>
#include <iterator>

#include "capstan/base/check.h"
#include "capstan/base/clock.h"
#include "capstan/codec/envelope.h"
#include "state_row_codec.h"

namespace capstan {

namespace {

Error damaged(const RecordView& record) {
  return {ErrorCode::kDamaged,
          "record " + std::to_string(record.sequence.value) + " of type " +
              std::to_string(static_cast<unsigned>(record.type)) +
              " does not have a shape that this version knows (FORMAT.md §4); run the version that "
              "wrote it"};
}

}  // namespace

bool is_settled(const Mailbox& mailbox, const MailRun& run) {
  return mailbox.settled.contains_all(run.first.value, run.last().value);
}

std::vector<Interval> intervals_of(const PositionSet& set) {
  std::vector<Interval> intervals;
  if (set.floor() != 0) intervals.push_back({Position{1}, Position{set.floor()}});
  for (const PositionSet::Span& span : set.spans()) {
    intervals.push_back({Position{span.first}, Position{span.last}});
  }
  return intervals;
}

std::uint32_t expiry_of(std::uint64_t created_at_ns, std::optional<std::uint32_t> ttl_seconds) {
  if (!ttl_seconds) return 0;
  const std::uint64_t second = (created_at_ns + kNsPerSecond - 1) / kNsPerSecond + *ttl_seconds;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(second, UINT32_MAX));
}

Status State::apply(const Block& block) {
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->sequence <= applied_) continue;
    if (Status status = apply(*record, block.base); !status) return status;
  }
  if (!reader.at_end()) {
    return {ErrorCode::kDamaged, "block " + std::to_string(block.base.value) +
                                     " holds a record that is longer than the block"};
  }
  return {};
}

Status State::apply(const RecordView& record, Sequence block) {
  applied_ = record.sequence;
  switch (record.type) {
    case RecordType::kEnvelope: {
      const auto envelope = decode_envelope_record(record);
      if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) return damaged(record);
      const auto view = parse_envelope(envelope->envelope);
      if (!view) return damaged(record);
      apply_envelope(mailboxes_[view->channel_id()], *envelope,
                     {view->envelope_id(), view->channel_id(), view->sender_id(),
                      expiry_of(view->created_at_ns(), view->ttl_seconds()),
                      view->idempotency_key(), record.sequence, block});
      return {};
    }
    case RecordType::kAgent: {
      const auto agent = decode_agent_record(record.payload);
      if (!agent) return damaged(record);
      apply_agent(*agent);
      return {};
    }
    case RecordType::kSettled: {
      const auto settled = decode_settled_record(record.payload);
      return settled ? apply_settled(*settled) : Status(damaged(record));
    }
    case RecordType::kSkipped: {
      const auto skipped = decode_skipped_record(record.payload);
      if (!skipped) return damaged(record);
      producer(skipped->producer)
          .settle(skipped->number, EnvelopeId{}, record.sequence, skipped->count);
      return {};
    }
    case RecordType::kDuplicate: {
      const auto duplicate = decode_duplicate_record(record.payload);
      if (!duplicate) return damaged(record);
      producer(duplicate->producer).settle(duplicate->number, duplicate->id, record.sequence);
      return {};
    }
    case RecordType::kRetry: {
      const auto retry = decode_retry_record(record.payload);
      return retry ? apply_retry(*retry) : Status(damaged(record));
    }
    case RecordType::kDead: {
      const auto dead = decode_dead_record(record.payload);
      return dead && apply_dead(*dead, record.sequence, block) ? Status() : Status(damaged(record));
    }
    case RecordType::kDeadDropped: {
      const auto dropped = decode_dead_dropped_record(record.payload);
      if (!dropped) return damaged(record);
      apply_dead_dropped(*dropped);
      return {};
    }
    case RecordType::kAgentRetired: {
      const auto retired = decode_agent_retired_record(record.payload);
      if (!retired) return damaged(record);
      apply_agent_retired(*retired);
      return {};
    }
    case RecordType::kSegment: {
      const auto segment = decode_segment_record(record.payload);
      if (!segment) return damaged(record);
      apply_segment(*segment);
      return {};
    }
    case RecordType::kStart:
      return decode_start_record(record.payload) ? Status() : Status(damaged(record));
    case RecordType::kGap: {
      const auto gap = decode_gap_record(record.payload);
      if (!gap) return damaged(record);
      apply_gap(*gap);
      return {};
    }
    case RecordType::kSnapshotBegin:
      // Rows are needed only when nothing came before them: a start from this snapshot.
      reading_snapshot_ = agents_.empty() && mailboxes_.empty() && segments_.empty();
      snapshot_ = record.sequence;
      return {};
    case RecordType::kSnapshotRow: {
      const auto row = decode_snapshot_row(record.payload);
      if (!row) return damaged(record);
      return reading_snapshot_ ? load_row(row->key, row->value) : Status();
    }
    case RecordType::kSnapshotEnd:
      if (reading_snapshot_) mark_all_dirty();
      reading_snapshot_ = false;
      return {};
  }
  return damaged(record);
}

void State::apply_envelope(Mailbox& mailbox, const EnvelopeRecord& record,
                           const StoredEnvelope& stored) {
  applied_ = stored.sequence;
  // Positions that are missing stood in a block that is lost.
  if (mailbox.next < record.position) {
    mailbox.settled.add(mailbox.next.value, record.position.value - 1);
  }
  mailbox.next = record.position.plus(1);
  mailbox.pending_bytes += record.envelope.size();
  MailRuns& lane = mailbox.lanes[static_cast<std::size_t>(record.priority)];
  if (!lane.empty() && lane.back().block == stored.block) {
    MailRun& run = lane.back();
    run.span = static_cast<std::uint32_t>(record.position.value - run.first.value + 1);
    if (stored.expires_s != 0 && (run.expires_s == 0 || stored.expires_s < run.expires_s)) {
      run.expires_s = stored.expires_s;
    }
  } else {
    add_run(lane, {stored.block, record.position, 1, stored.expires_s});
  }
  if (last_dirty_mailbox_ != stored.channel) {
    last_dirty_mailbox_ = stored.channel;
    dirty_mailboxes_.insert(last_dirty_mailbox_);
  }
  if (record.epoch != 0) {
    producer({stored.sender, record.epoch}).settle(record.number, stored.id, stored.sequence);
  }
  if (!stored.idempotency_key.empty()) {
    idempotency_keys_.note(stored.sender, stored.idempotency_key, stored.id);
  }
  note_stored(record, stored.id);
}

Status State::apply_settled(const SettledRecord& record) {
  Mailbox& mailbox = mailboxes_[record.channel];
  for (const Interval& interval : record.intervals) {
    mailbox.settled.add(interval.first.value, interval.last.value);
    if (record.why == SettledWhy::kPassed) {
      mailbox.next = std::max(mailbox.next, interval.last.plus(1));
    }
    if (!mailbox.retries.empty()) forget_retries(record.channel, mailbox, interval);
  }
  mailbox.pending_bytes -= std::min(mailbox.pending_bytes, record.bytes);
  // Nobody knows how many bytes were lost in a gap.
  if (mailbox.pending() == 0) mailbox.pending_bytes = 0;
  forget_settled_runs(record.channel, mailbox);
  dirty_mailboxes_.insert(record.channel);
  forget_retired_if_over(owner_of_mailbox(record.channel));
  return {};
}

void State::add_run(MailRuns& lane, const MailRun& run) {
  index_bytes_ -= lane.bytes();
  lane.push_back(run);
  index_bytes_ += lane.bytes();
}

void State::forget_settled_runs(ChannelId channel, Mailbox& mailbox) {
  const auto saved = saved_runs_.find(channel);
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    MailRuns& lane = mailbox.lanes[i];
    index_bytes_ -= lane.bytes();
    while (!lane.empty() && is_settled(mailbox, lane.front())) lane.pop_front();
    index_bytes_ += lane.bytes();
    if (saved == saved_runs_.end()) continue;
    auto& rows = saved->second[i].rows;
    auto kept = rows.begin();
    for (; kept != rows.end() && (lane.empty() || kept->second < lane.front().first); ++kept) {
      deleted_keys_.push_back(runs_key(channel, i, kept->first));
    }
    rows.erase(rows.begin(), kept);
  }
}

void State::take_from_key(const AgentKey& key) {
  const auto at = agents_by_key_.find(key);
  if (--at->second == 0) agents_by_key_.erase(at);
}

std::uint64_t State::agents_of(const AgentKey& key) const {
  const auto at = agents_by_key_.find(key);
  return at == agents_by_key_.end() ? 0 : at->second;
}

void State::put_agent(const AgentRecord& record) {
  const auto [at, added] = agents_.try_emplace(record.id);
  AgentRecord& agent = at->second;
  ++agents_by_key_[record.key];
  if (!added) take_from_key(agent.key);
  profile_bytes_ += record.profile.bytes() - agent.profile.bytes();
  agent = record;
  agents_by_name_[record.name] = record.id;
}

void State::apply_agent(const AgentRecord& record) {
  put_agent(record);
  mailboxes_.try_emplace(mailbox_of(record.id));
  dirty_agents_.insert(record.id);
  dirty_mailboxes_.insert(mailbox_of(record.id));
}

void State::apply_segment(const SegmentRecord& record) {
  mark_filled();
  if (record.state == SegmentState::kDropped) {
    segments_.erase(record.first);
    contents_.erase(record.first);
    dirty_segments_.erase(record.first);
    deleted_keys_.push_back(segment_key(record.first));
  } else {
    segments_[record.first] = record.state;
    const auto made = contents_.try_emplace(record.first);
    if (made.second) made.first->second.has_snapshot = record.first == snapshot_;
    dirty_segments_.insert(record.first);
  }
}

/// The newest segment is the open one: records that follow its own stand in it.
void State::note_stored(const EnvelopeRecord& record, const EnvelopeId& id) {
  if (contents_.empty()) return;
  SegmentContents& contents = std::prev(contents_.end())->second;
  ++contents.envelopes;
  contents.bytes += kEnvelopeRecordHeaderBytes + record.recipients.size() + record.envelope.size();
  contents.newest_ns = std::max(contents.newest_ns, id.clock_ns());
  filled_ = true;
}

void State::mark_filled() {
  if (filled_ && !contents_.empty()) dirty_segments_.insert(std::prev(contents_.end())->first);
  filled_ = false;
}

SegmentContents State::contents_of(Sequence segment) const {
  const auto at = contents_.find(segment);
  return at == contents_.end() ? SegmentContents{} : at->second;
}

Status State::apply_retry(const RetryRecord& record) {
  Mailbox& mailbox = mailboxes_[record.channel];
  if (mailbox.settled.contains(record.position.value)) return {};
  mailbox.retries[record.position] = {record.priority, record.attempts, record.failed_at_ns,
                                      record.delay_ms, record.reason};
  dirty_retries_.insert({record.channel, record.position});
  return {};
}

void State::forget_retries(ChannelId channel, Mailbox& mailbox, const Interval& interval) {
  auto at = mailbox.retries.lower_bound(interval.first);
  while (at != mailbox.retries.end() && at->first <= interval.last) {
    dirty_retries_.erase({channel, at->first});
    deleted_keys_.push_back(retry_key(channel, at->first));
    at = mailbox.retries.erase(at);
  }
}

bool State::apply_dead(const DeadRecord& record, Sequence sequence, Sequence block) {
  if (record.envelope.size() < kEnvelopeHeadBytes) return false;
  std::deque<DeadLetter>& letters = dead_[record.agent];
  letters.push_back({sequence, block, stamped_id(record.envelope), stamped_sender(record.envelope),
                     record.position, record.attempts, record.died_at_ns,
                     static_cast<std::uint32_t>(record.envelope.size()), record.reason});
  dirty_dead_.insert({record.agent, sequence});
  if (letters.size() > kDeadLettersPerAgentMax) {
    apply_dead_dropped({record.agent, letters.front().record});
  }
  return true;
}

void State::apply_dead_dropped(const DeadDroppedRecord& record) {
  const auto letters = dead_.find(record.agent);
  if (letters == dead_.end()) return;
  const auto at = std::lower_bound(
      letters->second.begin(), letters->second.end(), record.dead,
      [](const DeadLetter& letter, Sequence sequence) { return letter.record < sequence; });
  if (at == letters->second.end() || at->record != record.dead) return;
  letters->second.erase(at);
  if (letters->second.empty()) dead_.erase(letters);
  dirty_dead_.erase({record.agent, record.dead});
  deleted_keys_.push_back(dead_letter_key(record.agent, record.dead));
  forget_retired_if_over(record.agent);
}

bool State::is_lost(Sequence sequence) const {
  return std::any_of(gaps_.begin(), gaps_.end(),
                     [&](const Gap& gap) { return gap.first <= sequence && sequence <= gap.last; });
}

void State::apply_gap(const Gap& gap) {
  // One loss may be met twice, and be larger the second time: it has one row.
  const auto known = gaps_.lower_bound({gap.first, Sequence{}});
  const bool again = known != gaps_.end() && known->first == gap.first;
  const Sequence last = again ? std::max(known->last, gap.last) : gap.last;
  if (again) gaps_.erase(known);
  gaps_.insert({gap.first, last});
  dirty_gaps_ = true;
  // The lost records may have been envelopes whose positions were delivered: no position may
  // be given out twice, or a receiver would take the new envelope for the old one.
  const std::uint64_t lost = gap.last.value - gap.first.value + 1;
  for (auto& [channel, mailbox] : mailboxes_) {
    mailbox.settled.add(mailbox.next.value, mailbox.next.value + lost - 1);
    mailbox.next = mailbox.next.plus(lost);
    forget_settled_runs(channel, mailbox);
    dirty_mailboxes_.insert(channel);
  }
}

Producer& State::producer(const ProducerId& id) {
  // Envelopes come in stretches of one sender: looked up, and marked, once a stretch.
  if (last_producer_ != nullptr && last_producer_id_ == id) return *last_producer_;
  last_producer_id_ = id;
  last_producer_ = &find_or_make_producer(id);
  return *last_producer_;
}

Producer& State::find_or_make_producer(const ProducerId& id) {
  dirty_producers_.insert(id);
  const auto at = producers_.find(id);
  if (at != producers_.end()) return at->second;
  auto& epochs = epochs_[id.agent];
  if (epochs.size() == kProducersPerAgentMax) {
    const auto longest_unused =
        std::min_element(epochs.begin(), epochs.end(), [&](std::uint64_t a, std::uint64_t b) {
          return producers_.at({id.agent, a}).last_used() <
                 producers_.at({id.agent, b}).last_used();
        });
    const ProducerId forgotten{id.agent, *longest_unused};
    forget_producer(forgotten);
    *longest_unused = id.epoch;
  } else {
    epochs.push_back(id.epoch);
  }
  forgotten_producers_.erase(id);  // It comes back: its row stays.
  return producers_[id];
}

void State::forget_producer(const ProducerId& id) {
  forgotten_producers_.insert(id);
  dirty_producers_.erase(id);
  producers_.erase(id);
}

std::vector<SettledRecord> State::settled_by_gap(const Gap& gap) const {
  std::vector<SettledRecord> settled;
  for (const auto& [channel, mailbox] : mailboxes_) {
    PositionSet lost;
    for (const MailRuns& lane : mailbox.lanes) {
      for (auto run = lane.from(gap.first); run != lane.end() && run->block <= gap.last; ++run) {
        lost.add(run->first.value, run->last().value);
      }
    }
    if (lost.empty()) continue;
    SettledRecord record;
    record.intervals = intervals_of(lost);
    record.agent = owner_of_mailbox(channel);
    record.channel = channel;
    record.why = SettledWhy::kGap;
    settled.push_back(std::move(record));
  }
  return settled;
}

const AgentRecord* State::find_agent(AgentId id) const {
  const auto at = agents_.find(id);
  return at == agents_.end() ? nullptr : &at->second;
}

const AgentRecord* State::find_agent(std::string_view name) const {
  const auto at = agents_by_name_.find(name);
  return at == agents_by_name_.end() ? nullptr : find_agent(at->second);
}

Mailbox* State::find_mailbox(ChannelId channel) {
  const auto at = mailboxes_.find(channel);
  return at == mailboxes_.end() ? nullptr : &at->second;
}

const Producer* State::find_producer(const ProducerId& id) const {
  const auto at = producers_.find(id);
  return at == producers_.end() ? nullptr : &at->second;
}

const std::deque<DeadLetter>* State::find_dead(AgentId agent) const {
  const auto at = dead_.find(agent);
  return at == dead_.end() ? nullptr : &at->second;
}

const DeadLetter& State::dead_letter(AgentId agent, Sequence record) const {
  const std::deque<DeadLetter>& letters = dead_.at(agent);
  return *std::lower_bound(
      letters.begin(), letters.end(), record,
      [](const DeadLetter& letter, Sequence sequence) { return letter.record < sequence; });
}

}  // namespace capstan
