// The fold of the WAL: what all records together say. It changes through apply() alone, live and at
// recovery alike; rows are its one serialization, for checkpoints and for snapshots.
#pragma once

#include <array>
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
#include "capstan/core/idempotency.h"
#include "capstan/core/mail_runs.h"
#include "capstan/core/position_set.h"
#include "capstan/core/producer.h"

namespace capstan {

struct Mailbox;
/// Nothing in the run waits any more, nor does other mail that stands among it.
[[nodiscard]] bool is_settled(const Mailbox& mailbox, const MailRun& run);

/// All of the set, as a settled record names it.
[[nodiscard]] std::vector<Interval> intervals_of(const PositionSet& set);

/// A delivery that has failed and is to be tried again.
struct Retry {
  Priority priority = Priority::kNormal;
  std::uint32_t attempts = 0;      ///< That have failed.
  std::uint64_t failed_at_ns = 0;  ///< Wall clock.
  std::uint32_t delay_ms = 0;      ///< From then on.
  std::string reason;
};

/// An envelope that could not be delivered; its copy stands in the WAL.
struct DeadLetter {
  Sequence record;  ///< Of the copy: names it.
  Sequence block;
  EnvelopeId id;
  AgentId sender;
  Position position;  ///< In the mailbox that it died in.
  std::uint32_t attempts = 0;
  std::uint64_t died_at_ns = 0;  ///< Wall clock.
  std::uint32_t bytes = 0;
  std::string reason;
};

/// Dead letters of one agent; the oldest go first.
inline constexpr std::size_t kDeadLettersPerAgentMax = 100'000;

/// One agent's mail: the channel that has the agent's id.
struct Mailbox {
  Position next{1};     ///< Position of the next envelope.
  PositionSet settled;  ///< The agent's cursor.
  std::uint64_t pending_bytes = 0;
  /// Block index, by priority: in each lane ascending, from the first run with unsettled mail on.
  std::array<MailRuns, kPriorityCount> lanes;
  std::map<Position, Retry> retries;  ///< Unsettled positions only.

  [[nodiscard]] std::uint64_t pending() const { return next.value - 1 - settled.count(); }
};

/// More client lives of one agent than this, and the longest unused is forgotten.
inline constexpr std::size_t kProducersPerAgentMax = 256;

/// An agent that was removed, as long as mail or dead letters of it are left.
struct RetiredAgent {
  AgentRecord agent;
  std::uint64_t retired_at_ns = 0;  ///< Wall clock.
};

/// What the fold takes from an envelope beside its record.
struct StoredEnvelope {
  EnvelopeId id;
  ChannelId channel;
  AgentId sender;
  std::uint32_t expires_s = 0;  ///< See expiry_of().
  Bytes idempotency_key;
  Sequence sequence;
  Sequence block;
};

/// The second since 1970 from which an envelope is too old to be delivered; 0: never.
[[nodiscard]] std::uint32_t expiry_of(std::uint64_t created_at_ns,
                                      std::optional<std::uint32_t> ttl_seconds);

/// What stands in one segment: the mail that was stored in it, whatever has become of it.
struct SegmentContents {
  std::uint64_t envelopes = 0;
  std::uint64_t bytes = 0;      ///< Of their records.
  std::uint64_t newest_ns = 0;  ///< The clock in the newest one's id.
  bool has_snapshot = false;    ///< At its head.
  bool operator==(const SegmentContents&) const = default;
};

/// The public key that an agent belongs to.
using AgentKey = decltype(AgentRecord::key);

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
  void apply_envelope(Mailbox& mailbox, const EnvelopeRecord& record, const StoredEnvelope& stored);

  /// Settles positions that lie in lost sequences: they will never be delivered. Returns what was
  /// settled, one record an agent, already applied.
  [[nodiscard]] std::vector<SettledRecord> settled_by_gap(const Gap& gap) const;

  [[nodiscard]] const AgentRecord* find_agent(AgentId id) const;
  [[nodiscard]] const AgentRecord* find_agent(std::string_view name) const;
  [[nodiscard]] const std::unordered_map<AgentId, AgentRecord>& agents() const { return agents_; }
  [[nodiscard]] const std::map<std::string, AgentId, std::less<>>& agents_by_name() const {
    return agents_by_name_;
  }
  /// How many agents belong to this key.
  [[nodiscard]] std::uint64_t agents_of(const AgentKey& key) const;
  /// Octets of what all agents say about themselves.
  [[nodiscard]] std::uint64_t profile_bytes() const { return profile_bytes_; }
  /// Null also for one of which nothing is left.
  [[nodiscard]] const RetiredAgent* find_retired(AgentId id) const;
  [[nodiscard]] const std::map<AgentId, RetiredAgent>& retired() const { return retired_; }
  /// Also that of a retired agent, until the last of its mail is settled.
  [[nodiscard]] Mailbox* find_mailbox(ChannelId channel);
  [[nodiscard]] const std::unordered_map<ChannelId, Mailbox>& mailboxes() const {
    return mailboxes_;
  }
  [[nodiscard]] const Producer* find_producer(const ProducerId& id) const;
  /// Of one agent, the oldest first; null when it never had one.
  [[nodiscard]] const std::deque<DeadLetter>* find_dead(AgentId agent) const;
  [[nodiscard]] const std::map<AgentId, std::deque<DeadLetter>>& dead() const { return dead_; }
  [[nodiscard]] const IdempotencyKeys& idempotency_keys() const { return idempotency_keys_; }
  [[nodiscard]] const std::map<Sequence, SegmentState>& segments() const { return segments_; }
  /// Nothing for one that is not on the list.
  [[nodiscard]] SegmentContents contents_of(Sequence segment) const;
  [[nodiscard]] const std::set<Gap>& gaps() const { return gaps_; }
  /// It stands in one of them: nothing there is needed, nor to be read again.
  [[nodiscard]] bool is_lost(Sequence sequence) const;

  /// Sequence of the last record applied.
  [[nodiscard]] Sequence applied() const { return applied_; }
  void set_applied(Sequence applied) { applied_ = applied; }

  /// First sequence of the newest full snapshot; zero when there is none.
  [[nodiscard]] Sequence snapshot() const { return snapshot_; }

  /// Rows that changed since the last call, and keys that went.
  [[nodiscard]] Checkpoint take_dirty_rows();
  [[nodiscard]] bool dirty() const;

  /// Every row, in the order of keys, for a snapshot: the state is never held twice.
  void for_each_row(const RowSink& take) const;
  /// All of them at once, for tests.
  [[nodiscard]] std::vector<StateRow> all_rows() const;

  /// What the block index takes of memory: MailRuns::bytes() of all lanes.
  [[nodiscard]] std::uint64_t index_bytes() const { return index_bytes_; }

 private:
  /// What of a mailbox's block index stands in rows of its own: one row a checkpoint.
  struct SavedRuns {
    std::vector<std::pair<Position, Position>> rows;  ///< First and last position of each row.
    Position saved_up_to;
  };
  using SavedLanes = std::array<SavedRuns, kPriorityCount>;

  [[nodiscard]] Status apply_settled(const SettledRecord& record);
  void apply_agent(const AgentRecord& record);
  void put_agent(const AgentRecord& record);
  void take_from_key(const AgentKey& key);
  void apply_segment(const SegmentRecord& record);
  void note_stored(const EnvelopeRecord& record, const EnvelopeId& id);
  void mark_filled();
  void apply_gap(const Gap& gap);
  [[nodiscard]] Status apply_retry(const RetryRecord& record);
  [[nodiscard]] bool apply_dead(const DeadRecord& record, Sequence sequence, Sequence block);
  void apply_dead_dropped(const DeadDroppedRecord& record);
  void apply_agent_retired(const AgentRetiredRecord& record);
  void forget_producer(const ProducerId& id);
  void forget_producers(AgentId agent);
  void forget_mailbox(ChannelId channel);
  void forget_retired_if_over(AgentId agent);
  void forget_retries(ChannelId channel, Mailbox& mailbox, const Interval& interval);
  void forget_settled_runs(ChannelId channel, Mailbox& mailbox);
  void add_run(MailRuns& lane, const MailRun& run);
  Producer& producer(const ProducerId& id);
  Producer& find_or_make_producer(const ProducerId& id);
  void mark_all_dirty();
  /// Of an agent that has it.
  [[nodiscard]] const DeadLetter& dead_letter(AgentId agent, Sequence record) const;

  // load_row() of one kind each; false: of unknown shape.
  [[nodiscard]] bool load_agent(Bytes key, Bytes value);
  [[nodiscard]] bool load_dead_letter(Bytes key, Bytes value);
  [[nodiscard]] bool load_gap(Bytes key, Bytes value);
  [[nodiscard]] bool load_keys(Bytes key, Bytes value);
  [[nodiscard]] bool load_mailbox(Bytes key, Bytes value);
  [[nodiscard]] bool load_producer(Bytes key, Bytes value);
  [[nodiscard]] bool load_retired(Bytes key, Bytes value);
  [[nodiscard]] bool load_retry(Bytes key, Bytes value);
  [[nodiscard]] bool load_runs(Bytes key, Bytes value);
  [[nodiscard]] bool load_segment(Bytes key, Bytes value);

  static void save_new_runs(ChannelId channel, std::size_t lane, const MailRuns& runs,
                            SavedRuns& saved, Checkpoint& checkpoint);

  std::unordered_map<AgentId, AgentRecord> agents_;
  std::map<std::string, AgentId, std::less<>> agents_by_name_;
  std::map<AgentKey, std::uint64_t> agents_by_key_;  // How many; none has none.
  std::uint64_t profile_bytes_ = 0;
  std::map<AgentId, RetiredAgent> retired_;
  std::unordered_map<ChannelId, Mailbox> mailboxes_;
  std::map<ProducerId, Producer> producers_;  // Ordered: clients choose the epochs.
  std::unordered_map<AgentId, std::vector<std::uint64_t>> epochs_;
  IdempotencyKeys idempotency_keys_;
  std::map<AgentId, std::deque<DeadLetter>> dead_;
  std::map<Sequence, SegmentState> segments_;
  std::map<Sequence, SegmentContents> contents_;  // Of the same segments.
  std::set<Gap> gaps_;
  Sequence applied_;
  Sequence snapshot_;
  bool reading_snapshot_ = false;
  std::uint64_t index_bytes_ = 0;

  std::unordered_map<ChannelId, SavedLanes> saved_runs_;
  std::unordered_set<AgentId> dirty_agents_;
  std::set<AgentId> dirty_retired_;
  std::unordered_set<ChannelId> dirty_mailboxes_;
  std::set<ProducerId> dirty_producers_;
  std::set<ProducerId> forgotten_producers_;  // Their rows go with the next checkpoint.
  std::set<std::pair<ChannelId, Position>> dirty_retries_;
  std::set<std::pair<AgentId, Sequence>> dirty_dead_;
  // What the last envelope marked; empty after take_dirty_rows().
  ProducerId last_producer_id_;
  Producer* last_producer_ = nullptr;
  ChannelId last_dirty_mailbox_;
  std::set<Sequence> dirty_segments_;
  bool filled_ = false;  // The newest segment has mail that its row does not know of.
  bool dirty_gaps_ = false;
  std::vector<std::string> deleted_keys_;
};

}  // namespace capstan
