// The fold of the WAL: what all records together say. It changes through apply() alone, live and at
// recovery alike; rows are its one serialization, for checkpoints and for snapshots.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "capstan/base/journal_io.h"
#include "capstan/base/result.h"
#include "capstan/codec/record.h"
#include "capstan/core/position_set.h"
#include "capstan/core/producer.h"

namespace capstan {

/// Envelopes of one mailbox that stand in one block: positions first … first + count - 1.
struct MailRun {
  Sequence block;  ///< Base sequence.
  Position first;
  std::uint32_t count = 0;
  [[nodiscard]] Position last() const { return first.plus(count - 1); }
  bool operator==(const MailRun&) const = default;
};

/// One agent's mail: the channel that has the agent's id.
struct Mailbox {
  Position next{1};     ///< Position of the next envelope.
  PositionSet settled;  ///< The agent's cursor.
  std::uint64_t pending_bytes = 0;
  std::deque<MailRun> runs;  ///< Block index: every run with an unsettled position, ascending.

  [[nodiscard]] std::uint64_t pending() const { return next.value - 1 - settled.count(); }
};

struct ProducerIdHash {
  std::size_t operator()(const ProducerId& id) const noexcept {
    return std::hash<AgentId>{}(id.agent) ^ (id.epoch * 0x9E3779B97F4A7C15ULL);
  }
};

/// More client lives of one agent than this, and the longest unused is forgotten.
inline constexpr std::size_t kProducersPerAgentMax = 256;

class State {
 public:
  State() = default;
  State(State&&) = default;
  State& operator=(State&&) = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Takes one row of a checkpoint. Errors: kDamaged for a row of unknown shape.
  [[nodiscard]] Status load_row(Bytes key, Bytes value);

  /// Applies all records of a block with sequences above `applied()`.
  /// Errors: kDamaged for a record of unknown type or shape.
  [[nodiscard]] Status apply(const Block& block);

  /// Applies one record that stands (or will stand) in the block with base `block`.
  [[nodiscard]] Status apply(const RecordView& record, Sequence block);

  /// The hot path of apply(): an envelope that the pipeline itself has just encoded.
  void apply_envelope(AgentId owner, Mailbox& mailbox, const EnvelopeRecord& record,
                      const EnvelopeId& id, AgentId sender, Sequence sequence, Sequence block);

  /// Settles positions that lie in lost sequences: they will never be delivered. Returns what was
  /// settled, one record an agent, already applied.
  [[nodiscard]] std::vector<SettledRecord> settled_by_gap(const Gap& gap) const;

  [[nodiscard]] const AgentRecord* find_agent(AgentId id) const;
  [[nodiscard]] const AgentRecord* find_agent(std::string_view name) const;
  [[nodiscard]] const std::unordered_map<AgentId, AgentRecord>& agents() const { return agents_; }
  [[nodiscard]] const std::map<std::string, AgentId, std::less<>>& agents_by_name() const {
    return agents_by_name_;
  }
  [[nodiscard]] Mailbox* find_mailbox(ChannelId channel);
  [[nodiscard]] const std::unordered_map<ChannelId, Mailbox>& mailboxes() const {
    return mailboxes_;
  }
  [[nodiscard]] const Producer* find_producer(const ProducerId& id) const;
  [[nodiscard]] const std::map<Sequence, SegmentState>& segments() const { return segments_; }
  [[nodiscard]] const std::set<Gap>& gaps() const { return gaps_; }

  /// Lowest sequence that an unsettled envelope may have; `otherwise` when all mail is settled.
  [[nodiscard]] Sequence lowest_unsettled(Sequence otherwise) const;

  /// Sequence of the last record applied.
  [[nodiscard]] Sequence applied() const { return applied_; }
  void set_applied(Sequence applied) { applied_ = applied; }

  /// First sequence of the newest full snapshot; zero when there is none.
  [[nodiscard]] Sequence snapshot() const { return snapshot_; }
  void set_snapshot(Sequence first) { snapshot_ = first; }

  /// Rows that changed since the last call, and keys that went.
  [[nodiscard]] Checkpoint take_dirty_rows();
  [[nodiscard]] bool dirty() const;

  /// Every row, for a snapshot.
  [[nodiscard]] std::vector<StateRow> all_rows() const;

 private:
  /// What of a mailbox's block index stands in rows of its own: one row a checkpoint.
  struct SavedRuns {
    std::deque<std::pair<Position, Position>> rows;  ///< First and last position of each row.
    Position saved_up_to;
  };

  [[nodiscard]] Status apply_settled(const SettledRecord& record);
  void apply_agent(const AgentRecord& record);
  void apply_segment(const SegmentRecord& record);
  void apply_gap(const Gap& gap);
  void forget_settled_runs(ChannelId channel, Mailbox& mailbox);
  Producer& producer(const ProducerId& id);
  Producer& find_or_make_producer(const ProducerId& id);
  void mark_all_dirty();

  [[nodiscard]] static std::string runs_key(ChannelId channel, Position first);
  [[nodiscard]] static std::string segment_key(Sequence first);
  [[nodiscard]] static std::string gap_key(Sequence first);
  [[nodiscard]] static std::string producer_key(const ProducerId& id);

  std::unordered_map<AgentId, AgentRecord> agents_;
  std::map<std::string, AgentId, std::less<>> agents_by_name_;
  std::unordered_map<ChannelId, Mailbox> mailboxes_;
  std::unordered_map<ProducerId, Producer, ProducerIdHash> producers_;
  std::unordered_map<AgentId, std::vector<std::uint64_t>> epochs_;
  std::map<Sequence, SegmentState> segments_;
  std::set<Gap> gaps_;
  Sequence applied_;
  Sequence snapshot_;
  bool reading_snapshot_ = false;

  std::unordered_map<ChannelId, SavedRuns> saved_runs_;
  std::unordered_set<AgentId> dirty_agents_;
  std::unordered_set<ChannelId> dirty_mailboxes_;
  std::unordered_set<ProducerId, ProducerIdHash> dirty_producers_;
  // What the last envelope marked; empty after take_dirty_rows().
  ProducerId last_producer_id_;
  Producer* last_producer_ = nullptr;
  ChannelId last_dirty_mailbox_;
  bool dirty_segments_ = false;
  bool dirty_gaps_ = false;
  std::vector<std::string> deleted_keys_;
};

}  // namespace capstan
