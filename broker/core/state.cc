#include "capstan/core/state.h"

#include <algorithm>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"

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
      const ChannelId channel = view->channel_id();
      apply_envelope(owner_of_mailbox(channel), mailboxes_[channel], *envelope, view->envelope_id(),
                     view->sender_id(), record.sequence, block);
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
      producer(skipped->producer).settle(skipped->number, EnvelopeId{}, record.sequence);
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

void State::apply_envelope(AgentId owner, Mailbox& mailbox, const EnvelopeRecord& record,
                           const EnvelopeId& id, AgentId sender, Sequence sequence,
                           Sequence block) {
  applied_ = sequence;
  // Positions that are missing stood in a block that is lost.
  if (mailbox.next < record.position) {
    mailbox.settled.add(mailbox.next.value, record.position.value - 1);
  }
  mailbox.next = record.position.plus(1);
  mailbox.pending_bytes += record.envelope.size();
  if (!mailbox.runs.empty() && mailbox.runs.back().block == block &&
      mailbox.runs.back().last().plus(1) == record.position) {
    ++mailbox.runs.back().count;
  } else {
    mailbox.runs.push_back({block, record.position, 1});
  }
  if (last_dirty_mailbox_ != mailbox_of(owner)) {
    last_dirty_mailbox_ = mailbox_of(owner);
    dirty_mailboxes_.insert(last_dirty_mailbox_);
  }
  if (record.epoch != 0) producer({sender, record.epoch}).settle(record.number, id, sequence);
}

Status State::apply_settled(const SettledRecord& record) {
  Mailbox& mailbox = mailboxes_[record.channel];
  for (const Interval& interval : record.intervals) {
    mailbox.settled.add(interval.first.value, interval.last.value);
  }
  mailbox.pending_bytes -= std::min(mailbox.pending_bytes, record.bytes);
  // Nobody knows how many bytes were lost in a gap.
  if (mailbox.pending() == 0) mailbox.pending_bytes = 0;
  forget_settled_runs(record.channel, mailbox);
  dirty_mailboxes_.insert(record.channel);
  return {};
}

void State::forget_settled_runs(ChannelId channel, Mailbox& mailbox) {
  const std::uint64_t floor = mailbox.settled.floor();
  while (!mailbox.runs.empty() && mailbox.runs.front().last().value <= floor) {
    mailbox.runs.pop_front();
  }
  const auto saved = saved_runs_.find(channel);
  if (saved == saved_runs_.end()) return;
  auto& rows = saved->second.rows;
  while (!rows.empty() && rows.front().second.value <= floor) {
    deleted_keys_.push_back(runs_key(channel, rows.front().first));
    rows.pop_front();
  }
}

void State::apply_agent(const AgentRecord& record) {
  agents_by_name_[record.name] = record.id;
  agents_[record.id] = record;
  mailboxes_.try_emplace(mailbox_of(record.id));
  dirty_agents_.insert(record.id);
  dirty_mailboxes_.insert(mailbox_of(record.id));
}

void State::apply_segment(const SegmentRecord& record) {
  if (record.state == SegmentState::kDropped) {
    segments_.erase(record.first);
    deleted_keys_.push_back(segment_key(record.first));
  } else {
    segments_[record.first] = record.state;
  }
  dirty_segments_ = true;
}

void State::apply_gap(const Gap& gap) {
  gaps_.insert(gap);
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
    deleted_keys_.push_back(producer_key(forgotten));
    dirty_producers_.erase(forgotten);
    producers_.erase(forgotten);
    *longest_unused = id.epoch;
  } else {
    epochs.push_back(id.epoch);
  }
  return producers_[id];
}

std::vector<SettledRecord> State::settled_by_gap(const Gap& gap) const {
  std::vector<SettledRecord> settled;
  for (const auto& [channel, mailbox] : mailboxes_) {
    SettledRecord record;
    for (const MailRun& run : mailbox.runs) {
      if (run.block < gap.first || run.block > gap.last) continue;
      record.intervals.push_back({run.first, run.last()});
    }
    if (record.intervals.empty()) continue;
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

Sequence State::lowest_unsettled(Sequence otherwise) const {
  Sequence lowest = otherwise;
  for (const auto& [channel, mailbox] : mailboxes_) {
    if (!mailbox.runs.empty()) lowest = std::min(lowest, mailbox.runs.front().block);
  }
  return lowest;
}

}  // namespace capstan
