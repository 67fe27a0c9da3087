// Which rows of checkpoints and snapshots the state is, and in which order. FORMAT.md §5.
#include <algorithm>

#include "capstan/core/state.h"
#include "state_row_codec.h"

namespace capstan {

namespace {

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

// ---- Loading ----

Status State::load_row(Bytes key, Bytes value) {
  struct Loader {
    RowKind kind;
    bool (State::*load)(Bytes key, Bytes value);
  };
  static constexpr std::array<Loader, 10> kLoaders{{
      {RowKind::kAgent, &State::load_agent},
      {RowKind::kDeadLetter, &State::load_dead_letter},
      {RowKind::kGap, &State::load_gap},
      {RowKind::kKeys, &State::load_keys},
      {RowKind::kMailbox, &State::load_mailbox},
      {RowKind::kProducer, &State::load_producer},
      {RowKind::kRetired, &State::load_retired},
      {RowKind::kRetry, &State::load_retry},
      {RowKind::kRuns, &State::load_runs},
      {RowKind::kSegment, &State::load_segment},
  }};
  const auto loader = std::find_if(kLoaders.begin(), kLoaders.end(), [&](const Loader& known) {
    return known.kind == kind_of_row(key);
  });
  if (loader != kLoaders.end() && (this->*loader->load)(key, value)) return {};
  return {ErrorCode::kDamaged,
          "state row " + to_hex(key) + " does not have a known shape (FORMAT.md §5)"};
}

bool State::load_agent(Bytes key, Bytes value) {
  const auto agent = agent_of_row(key, value);
  if (!agent) return false;
  put_agent(*agent);
  return true;
}

bool State::load_dead_letter(Bytes key, Bytes value) {
  auto row = dead_letter_of_row(key, value);
  if (!row) return false;
  dead_[row->agent].push_back(std::move(row->letter));
  return true;
}

bool State::load_gap(Bytes key, Bytes value) {
  const auto gap = gap_of_row(key, value);
  if (!gap) return false;
  gaps_.insert(*gap);
  return true;
}

bool State::load_keys(Bytes key, Bytes value) {
  const auto row = keys_of_row(key);
  return row && idempotency_keys_.load(row->sender, row->serial, value);
}

bool State::load_mailbox(Bytes key, Bytes value) {
  auto row = mailbox_of_row(key, value);
  if (!row) return false;
  Mailbox& mailbox = mailboxes_[row->channel];
  mailbox.next = row->next;
  mailbox.pending_bytes = row->pending_bytes;
  mailbox.settled = std::move(row->settled);
  return true;
}

bool State::load_producer(Bytes key, Bytes value) {
  auto row = producer_of_row(key, value);
  if (!row) return false;
  epochs_[row->id.agent].push_back(row->id.epoch);
  producers_[row->id] = std::move(row->producer);
  return true;
}

bool State::load_retired(Bytes key, Bytes value) {
  auto retired = retired_of_row(key, value);
  if (!retired) return false;
  const AgentId id = retired->agent.id;
  retired_[id] = *std::move(retired);
  return true;
}

bool State::load_retry(Bytes key, Bytes value) {
  auto row = retry_of_row(key, value);
  if (!row) return false;
  mailboxes_[row->channel].retries[row->position] = std::move(row->retry);
  return true;
}

bool State::load_runs(Bytes key, Bytes value) {
  const auto row = runs_of_row(key, value);
  if (!row) return false;
  Mailbox& mailbox = mailboxes_[row->channel];
  MailRuns& lane = mailbox.lanes[row->lane];
  for (const MailRun& run : row->runs) {
    // The mailbox's own row comes first: what is settled is known, and not kept at the front.
    if (!lane.empty() || !is_settled(mailbox, run)) add_run(lane, run);
  }
  SavedRuns& saved = saved_runs_[row->channel][row->lane];
  saved.saved_up_to = row->runs.back().last();
  saved.rows.emplace_back(row->first, saved.saved_up_to);
  return true;
}

bool State::load_segment(Bytes key, Bytes value) {
  const auto row = segment_of_row(key, value);
  if (!row) return false;
  segments_[row->first] = row->state;
  contents_[row->first] = row->contents;
  if (row->contents.has_snapshot) snapshot_ = std::max(snapshot_, row->first);
  return true;
}

// ---- Saving ----

bool State::dirty() const {
  return idempotency_keys_.dirty() || !dirty_retries_.empty() || !dirty_dead_.empty() ||
         !dirty_segments_.empty() || filled_ || dirty_gaps_ || !dirty_agents_.empty() ||
         !dirty_retired_.empty() || !dirty_mailboxes_.empty() || !dirty_producers_.empty() ||
         !forgotten_producers_.empty() || !deleted_keys_.empty();
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
  for_each_runs_row(channel, lane, runs, unsaved, [&](StateRow row, Position first, Position last) {
    checkpoint.puts.push_back(std::move(row));
    saved.rows.emplace_back(first, last);
    saved.saved_up_to = last;
  });
}

Checkpoint State::take_dirty_rows() {
  Checkpoint checkpoint;
  checkpoint.applied = applied_;
  checkpoint.deletes.swap(deleted_keys_);
  for (const AgentId& id : dirty_agents_) checkpoint.puts.push_back(agent_row(agents_.at(id)));
  for (const AgentId& id : dirty_retired_) {
    checkpoint.puts.push_back(retired_row(retired_.at(id)));
  }
  for (const ChannelId& channel : dirty_mailboxes_) {
    const Mailbox& mailbox = mailboxes_.at(channel);
    checkpoint.puts.push_back(mailbox_row(channel, mailbox));
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
        retry_row(channel, position, mailboxes_.at(channel).retries.at(position)));
  }
  for (const auto& [agent, record] : dirty_dead_) {
    checkpoint.puts.push_back(dead_letter_row(agent, dead_letter(agent, record)));
  }
  idempotency_keys_.take_dirty(checkpoint.puts, checkpoint.deletes);
  for (const ProducerId& id : dirty_producers_) {
    checkpoint.puts.push_back(producer_row(id, producers_.at(id)));
  }
  for (const ProducerId& id : forgotten_producers_) checkpoint.deletes.push_back(producer_key(id));
  mark_filled();
  for (const Sequence& first : dirty_segments_) {
    checkpoint.puts.push_back(segment_row(first, segments_.at(first), contents_.at(first)));
  }
  if (dirty_gaps_) {
    for (const Gap& gap : gaps_) checkpoint.puts.push_back(gap_row(gap));
  }
  last_producer_ = nullptr;
  last_dirty_mailbox_ = {};
  dirty_agents_.clear();
  dirty_retired_.clear();
  dirty_mailboxes_.clear();
  dirty_producers_.clear();
  forgotten_producers_.clear();
  dirty_retries_.clear();
  dirty_dead_.clear();
  dirty_segments_.clear();
  dirty_gaps_ = false;
  return checkpoint;
}

void State::for_each_row(const RowSink& take) const {
  const std::vector<ChannelId> channels = sorted_keys(mailboxes_);
  for (const AgentId& id : sorted_keys(agents_)) take(agent_row(agents_.at(id)));
  for (const auto& [agent, letters] : dead_) {
    for (const DeadLetter& letter : letters) take(dead_letter_row(agent, letter));
  }
  for (const Gap& gap : gaps_) take(gap_row(gap));
  idempotency_keys_.for_each_row(take);
  for (const ChannelId& channel : channels) take(mailbox_row(channel, mailboxes_.at(channel)));
  for (const auto& [id, producer] : producers_) take(producer_row(id, producer));
  for (const ChannelId& channel : channels) {
    const Mailbox& mailbox = mailboxes_.at(channel);
    for (std::size_t i = 0; i < kPriorityCount; ++i) {
      const MailRuns& runs = mailbox.lanes[i];
      for_each_runs_row(channel, i, runs, runs.begin(),
                        [&](const StateRow& row, Position, Position) { take(row); });
    }
  }
  for (const auto& [first, state] : segments_) {
    take(segment_row(first, state, contents_.at(first)));
  }
  for (const ChannelId& channel : channels) {
    for (const auto& [position, retry] : mailboxes_.at(channel).retries) {
      take(retry_row(channel, position, retry));
    }
  }
  for (const auto& [id, retired] : retired_) take(retired_row(retired));
}

std::vector<StateRow> State::all_rows() const {
  std::vector<StateRow> rows;
  for_each_row([&](const StateRow& row) { rows.push_back(row); });
  return rows;
}

}  // namespace capstan
