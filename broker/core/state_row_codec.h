// Rows of checkpoints and snapshots ⇄ octets: one row for each thing that the state holds.
// Source: FORMAT.md §5.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capstan/base/journal_io.h"
#include "capstan/core/state.h"

namespace capstan {

/// The first octet of a row's key.
enum class RowKind : char {
  kAgent = 'A',       ///< agent id → the payload of an agent record
  kRetired = 'X',     ///< agent id → a retired agent: when, and its agent record
  kMailbox = 'M',     ///< channel id → next, pending bytes, settled floor, settled spans
  kRuns = 'R',        ///< channel id, priority, first → part of the block index: from `first` on
  kProducer = 'P',    ///< agent id, epoch → settled floor and spans, last use, runs of numbers
  kRetry = 'T',       ///< channel id, position → a failed delivery that will be tried again
  kDeadLetter = 'D',  ///< agent id, sequence → a dead letter
  kKeys = 'K',        ///< agent id, serial → a group of idempotency keys
  kSegment = 'S',     ///< first sequence → segment state, and how much mail was stored in it
  kGap = 'G',         ///< first sequence → last sequence of a gap
};
/// Any octet, also one that is no kind; that of an empty key is none.
[[nodiscard]] RowKind kind_of_row(Bytes key);

// Keys. Numbers in them are big-endian: rows come back in order.
[[nodiscard]] std::string agent_key(AgentId agent);
[[nodiscard]] std::string retired_key(AgentId agent);
[[nodiscard]] std::string mailbox_key(ChannelId channel);
[[nodiscard]] std::string runs_key(ChannelId channel, std::size_t lane, Position first);
[[nodiscard]] std::string producer_key(const ProducerId& id);
[[nodiscard]] std::string retry_key(ChannelId channel, Position position);
[[nodiscard]] std::string dead_letter_key(AgentId agent, Sequence record);
[[nodiscard]] std::string keys_key(AgentId sender, std::uint64_t serial);
[[nodiscard]] std::string segment_key(Sequence first);

// Rows. Those of idempotency keys are made by IdempotencyKeys.
[[nodiscard]] StateRow agent_row(const AgentRecord& agent);
[[nodiscard]] StateRow retired_row(const RetiredAgent& retired);
[[nodiscard]] StateRow mailbox_row(ChannelId channel, const Mailbox& mailbox);
[[nodiscard]] StateRow producer_row(const ProducerId& id, const Producer& producer);
[[nodiscard]] StateRow retry_row(ChannelId channel, Position position, const Retry& retry);
[[nodiscard]] StateRow dead_letter_row(AgentId agent, const DeadLetter& letter);
[[nodiscard]] StateRow segment_row(Sequence first, SegmentState state,
                                   const SegmentContents& contents);
[[nodiscard]] StateRow gap_row(const Gap& gap);

/// Takes a row of runs, and the first and the last position in it.
using RunsRowSink = std::function<void(StateRow row, Position first, Position last)>;
/// As many rows as the runs of one lane take, from `at` on.
void for_each_runs_row(ChannelId channel, std::size_t lane, const MailRuns& runs,
                       MailRuns::Iterator at, const RunsRowSink& take);

// What a row says. Beside what stands in it, each names what only its key knows.
struct MailboxRow {
  ChannelId channel;
  Position next;
  std::uint64_t pending_bytes = 0;
  PositionSet settled;
};
struct RunsRow {
  ChannelId channel;
  std::size_t lane = 0;
  Position first;
  std::vector<MailRun> runs;  ///< At least one.
};
struct ProducerRow {
  ProducerId id;
  Producer producer;
};
struct RetryRow {
  ChannelId channel;
  Position position;
  Retry retry;
};
struct DeadLetterRow {
  AgentId agent;
  DeadLetter letter;
};
struct KeysRow {
  AgentId sender;
  std::uint64_t serial = 0;
};
struct SegmentRow {
  Sequence first;
  SegmentState state = SegmentState::kOpen;
  SegmentContents contents;
};

// The rows read back, of keys of their kind; empty when key or value does not have the shape.
[[nodiscard]] std::optional<AgentRecord> agent_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<RetiredAgent> retired_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<MailboxRow> mailbox_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<RunsRow> runs_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<ProducerRow> producer_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<RetryRow> retry_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<DeadLetterRow> dead_letter_of_row(Bytes key, Bytes value);
/// The value is for IdempotencyKeys to read.
[[nodiscard]] std::optional<KeysRow> keys_of_row(Bytes key);
[[nodiscard]] std::optional<SegmentRow> segment_of_row(Bytes key, Bytes value);
[[nodiscard]] std::optional<Gap> gap_of_row(Bytes key, Bytes value);

}  // namespace capstan
