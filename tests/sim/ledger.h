// The auditor's own reading of the WAL: what is durable, independent of the hub's fold.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/codec/record.h"
#include "payload.h"

namespace capstan::sim {

/// One stored envelope.
struct Stored {
  EnvelopeId id;
  AgentId sender;
  std::optional<Tag> tag;
  std::uint64_t hash = 0;  ///< Of the whole stamped envelope.
  std::uint64_t bytes = 0;
  std::uint8_t priority = 0;
  std::uint32_t expires_s = 0;  ///< Second since 1970; 0: never.
  std::uint32_t failed = 0;     ///< Attempts that the WAL knows of.
  bool from_hub = false;        ///< A notice.
  bool settled = false;
  SettledWhy why = SettledWhy::kAcknowledged;
  bool acknowledged = false;  ///< By the application; set by the auditor.
  bool shown = false;         ///< To an application; the auditor's.
  bool lost = false;          ///< Settled by a gap, or a position that a gap used up.
};

/// What the retention of settled mail counts.
struct KeptMail {
  EnvelopeId id;
  std::uint64_t bytes = 0;  ///< Of its record.
};

struct Box {
  std::string owner;         ///< Name of the agent.
  bool retired = false;      ///< It was removed: its mail becomes dead letters.
  bool memory = false;       ///< No mail of it is ever stored.
  bool gone = false;         ///< And there is none left: nobody knows the mailbox any more.
  EnvelopeId last_buried;    ///< The newest that has become a dead letter by the removal.
  std::vector<Stored> mail;  ///< Position 1 first.
  std::uint64_t settled_count = 0;
  std::uint64_t settled_floor = 0;
  std::uint64_t pending_bytes = 0;
  /// By priority: all before this index was shown, or needs not be; the auditor's.
  std::array<std::size_t, kPriorityCount> shown_up_to{};
};

/// The id of an envelope that is stored nowhere, as PROTOCOL.md §6.18 has it.
[[nodiscard]] inline bool is_unstored(const EnvelopeId& id) { return id.shard() == 0xffff; }

/// Numbers of one client life.
struct Series {
  std::unordered_map<std::uint64_t, EnvelopeId> numbers;  ///< A zero id was skipped.
  std::uint64_t floor = 0;
};

/// A number that was settled without an envelope.
struct Skip {
  ProducerId producer;
  std::uint64_t number = 0;
  Sequence sequence;  ///< Of its record.
};

class Ledger {
 public:
  /// Reads the records of a durable block. Returns what is wrong with it; empty when nothing is.
  [[nodiscard]] std::string take(const Block& block);

  /// The disk has damaged the block with these records.
  void rot(const Gap& block) { rotten_[block.first] = block.last; }
  /// All of `range` stood in damaged blocks.
  [[nodiscard]] bool is_rotten(const Gap& range) const;
  /// `range` is damaged blocks, each of them whole: a loss that is told as it is.
  [[nodiscard]] bool is_exact(const Gap& range) const;
  /// A gap in the WAL has this record: nobody waits for it any more.
  [[nodiscard]] bool is_in_gap(Sequence sequence) const;
  /// Envelopes that have died in the last take()s without a word to their sender; forgets them.
  [[nodiscard]] std::size_t take_unannounced();
  /// Who lost mail by the gaps of the last take()s, and is not told yet; empty when everybody is.
  [[nodiscard]] std::string untold() const;
  [[nodiscard]] std::uint64_t gap_notices() const { return gap_notices_; }
  /// Envelopes that gaps have settled.
  [[nodiscard]] std::uint64_t lost_count() const { return lost_count_; }
  [[nodiscard]] bool any_rotten() const { return !rotten_.empty(); }
  /// Later mail may be shown before this one: nobody can read it, or soon nobody will.
  [[nodiscard]] bool may_be_missing(const Stored& stored) const;

  /// Ids up to `id` were given out, also those of mail that is lost.
  void note_given_out(const EnvelopeId& id) { last_id_ = std::max(last_id_, id); }

  [[nodiscard]] Sequence last() const { return last_; }
  /// Where the newest one begins.
  [[nodiscard]] Sequence snapshot() const { return snapshot_; }
  [[nodiscard]] const std::map<std::string, AgentRecord>& agents() const { return agents_; }
  [[nodiscard]] const std::map<ChannelId, Box>& boxes() const { return boxes_; }
  [[nodiscard]] const std::map<ProducerId, Series>& series() const { return series_; }
  [[nodiscard]] Box* find_box(const ChannelId& channel);
  [[nodiscard]] const Series* find_series(const ProducerId& producer) const;
  /// The stored envelope with this id; null when there is none.
  [[nodiscard]] const Stored* find(const EnvelopeId& id) const;
  /// All mail that was ever stored, the oldest first.
  [[nodiscard]] const std::vector<KeptMail>& stored() const { return stored_; }
  /// Dead letters that are kept, by the sequences of their copies.
  [[nodiscard]] const std::map<AgentId, std::set<Sequence>>& letters() const { return letters_; }
  /// Deliveries that the WAL calls failed.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::optional<AgentId> agent_id(const std::string& name) const;
  /// `id` is, or was until it was removed, the agent `name`.
  [[nodiscard]] bool was_agent(const AgentId& id, const std::string& name) const;
  [[nodiscard]] bool is_retired(const AgentId& id) const;
  /// The envelopes that the last take() stored: channel and position.
  [[nodiscard]] const std::vector<std::pair<ChannelId, Position>>& fresh() const { return fresh_; }
  /// The numbers that the last take() settled without an envelope.
  [[nodiscard]] const std::vector<Skip>& skipped() const { return skipped_; }

 private:
  /// What is wrong with this record of an agent; empty: nothing.
  [[nodiscard]] std::string check_change(const AgentRecord& agent) const;
  [[nodiscard]] std::string take_record(const RecordView& record, std::uint64_t wall_ns);
  [[nodiscard]] std::string take_envelope(const RecordView& record);
  [[nodiscard]] std::string take_settled(const SettledRecord& record, std::uint64_t wall_ns);
  [[nodiscard]] std::string take_retry(const RetryRecord& record);
  [[nodiscard]] std::string take_dead(const DeadRecord& record, Sequence sequence);
  [[nodiscard]] std::string take_key(const EnvelopeView& envelope, const EnvelopeId& id);
  [[nodiscard]] Stored* find_mail(const ChannelId& channel, Position position);
  [[nodiscard]] std::string take_settled_by_gap(Box& box, const Interval& interval);
  [[nodiscard]] std::string take_gap(const Gap& gap);
  [[nodiscard]] std::string take_gap_notice(const EnvelopeView& notice);
  [[nodiscard]] static std::string take_passed(Box& box, const Interval& interval);
  [[nodiscard]] static std::string take_burial(Box& box, const Stored& mail,
                                               const DeadRecord& record);
  [[nodiscard]] std::string take_death_notice(const EnvelopeView& notice);
  [[nodiscard]] std::string take_retired(const AgentRetiredRecord& record);
  void expect_notice(const Stored& mail);
  [[nodiscard]] std::string take_number(const ProducerId& producer, std::uint64_t number,
                                        const EnvelopeId& id);

  Sequence last_;
  Sequence snapshot_;
  EnvelopeId last_id_;
  std::map<Sequence, Sequence> rotten_;  // First and last of each damaged block.
  std::set<Gap> gaps_;
  std::optional<Gap> last_gap_;
  std::map<ChannelId, std::uint64_t> owed_;  // Envelopes lost by `last_gap_`; nobody is told yet.
  std::uint64_t gap_notices_ = 0;
  std::map<EnvelopeId, AgentId> unannounced_;  // Died; the sender is not told yet.
  std::set<AgentId> present_;
  std::uint64_t lost_count_ = 0;
  std::map<std::string, AgentRecord> agents_;
  std::map<ChannelId, Box> boxes_;
  std::map<ProducerId, Series> series_;
  std::map<std::pair<AgentId, std::string>, EnvelopeId> keys_;
  std::set<std::pair<ChannelId, Position>> dead_;
  std::map<AgentId, std::set<Sequence>> letters_;
  std::uint64_t failures_ = 0;
  std::unordered_map<std::uint64_t, std::pair<ChannelId, Position>> by_sequence_;
  std::vector<std::pair<ChannelId, Position>> fresh_;
  std::vector<Skip> skipped_;
  std::vector<KeptMail> stored_;
};

}  // namespace capstan::sim
