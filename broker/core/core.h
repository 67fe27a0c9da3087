// What the stages of the hub core share: the state, the inboxes, the commit in the making.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "block_cache.h"
#include "capstan/base/random.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/params.h"
#include "capstan/core/hub.h"
#include "commit_builder.h"
#include "connection.h"
#include "presence.h"
#include "segment_upkeep.h"

namespace capstan {

/// A settlement waits this long for a commit to ride in.
inline constexpr std::uint64_t kSettleDelayNs = 50 * kNsPerMs;

/// One connection's share of a turn: octets that the hub may answer, write or look through for it.
/// Whatever stands in a message, it fills no memory and keeps nobody else waiting for long. What is
/// asked beyond it is `unavailable`. PROTOCOL.md §6.19.
inline constexpr std::uint64_t kTurnShareBytes = std::uint64_t{8} << 20;

/// While more than so many octets of answers to one connection wait for commits, refusals have no
/// text: the windows of very many sessions may be refused whole.
inline constexpr std::uint64_t kWaitingTextsBytesMax = std::uint64_t{1} << 20;

/// Of what somebody has sent, so much is repeated to people at most.
inline constexpr std::size_t kPrintableBytesMax = 256;

/// A line of the audit.
inline constexpr std::size_t kAuditBytesMax = 1024;

struct Core;

/// More failed deliveries than this, and an inbox delivers nothing but them.
inline constexpr std::size_t kRetriesPerInboxMax = 16'384;

/// In the id of mail that is not stored: its sequence is no record's. No stored envelope has it.
inline constexpr std::uint16_t kPassedOnShard = 0xffff;

/// The oldest delivery that a session held when its link broke.
struct LostDelivery {
  std::uint64_t epoch = 0;
  Position position;
  Priority priority = Priority::kNormal;
};

/// What an agent's mailbox needs beside its state.
struct Inbox {
  AgentId agent;
  Mailbox* mailbox = nullptr;
  Durability durability = Durability::kSynced;
  Session* receiver = nullptr;
  /// By priority: the highest position ever sent to a receiver by this process.
  std::array<Position, kPriorityCount> delivered_up_to;
  PositionSet unsaved;  ///< Acknowledged, not yet in a commit.
  std::uint64_t unsaved_bytes = 0;
  std::optional<LostDelivery> lost;
  /// Failed deliveries that wait for their time (monotonic ns) or for a receiver.
  std::set<std::pair<std::uint64_t, Position>> retry_due;
  /// Their time has come; by priority.
  std::array<std::set<Position>, kPriorityCount> retry_ready;
  Position durable_floor;          ///< Everything up to it is settled on disk.
  std::uint64_t expiry_due_s = 0;  ///< Stands in Core::expiries; 0: does not.
  bool expiry_reading = false;
  /// Blocks that were looked through for expired mail, and when to look again; by base.
  std::map<Sequence, std::uint32_t> expiry_checked;
  std::deque<Sequence> expiry_work;  ///< Blocks with something due, still to be looked through.
};

/// Counters for `status`.
struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t redelivered = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t expired = 0;
  std::uint64_t nacked = 0;
  std::uint64_t dead = 0;
  std::uint64_t lost = 0;
  std::uint64_t deduplicated = 0;
  std::uint64_t refused_sends = 0;
  std::uint64_t refused_identity = 0;
  std::uint64_t refused_frames = 0;
  std::uint64_t commits = 0;
  std::uint64_t cold_copies = 0;
};

/// Accepts of one session whose numbers and ids are consecutive.
struct AcceptRun {
  ConnectionId connection;
  ProducerId producer;
  Accept accept;
  std::uint64_t bytes = 0;
  AgentId passed_on_to = {};  ///< Zero: they are stored.
};

/// What happens when a commit is durable.
struct CommitConsequences {
  CommitNumber number;
  Sequence last;
  std::uint64_t bytes = 0;          ///< Without those of a snapshot.
  std::vector<SharedBlock> blocks;  ///< Without those of a snapshot.
  std::vector<AcceptRun> accepts;
  // Of mail whose mailbox needs no sync.
  std::vector<AcceptRun> written_accepts;
  bool holds_written = false;
  bool written = false;           ///< Done with it, ahead of the sync.
  std::uint64_t id_clock_ns = 0;  ///< No id in it is later.
  std::uint64_t id_time_ceiling_ns = 0;
  std::vector<std::pair<ConnectionId, BodyWriter>> replies;
  std::unordered_set<AgentId> touched;
  AgentId last_touched;  ///< Stands in `touched`: envelopes come in stretches for one agent.
  std::vector<std::pair<Inbox*, Position>> settled_floors;
  std::vector<AdmitKey> admissions;
  /// Of agents that this commit retires: earlier commits name them until they are released.
  std::vector<std::unique_ptr<Inbox>> ended_inboxes;
  std::vector<ForgetWithdrawal> withdrawals;
  /// The hub's own mail for mailboxes that store none.
  std::vector<std::pair<AgentId, ByteBuffer>> notices;
  std::vector<DropSegment> drops;
  std::optional<Checkpoint> checkpoint;
};

enum class ReadPurpose : std::uint8_t { kDeliver, kExpire, kRequest, kBury, kCopy };

/// A read that has not come back.
struct PendingRead {
  AgentId agent;
  ReadPurpose purpose = ReadPurpose::kDeliver;
  std::vector<Sequence> bases;
};

struct ParkedRequest;
/// What the record that a request asked for makes of the request. `block` is the base of the block
/// that it stands in.
using Resume = Result<ParamMap> (*)(Core&, const ParkedRequest&, const RecordView&, Sequence block);

/// A request whose answer needs a record from the disk.
struct ParkedRequest {
  ConnectionId connection;
  std::uint64_t request_id = 0;
  Resume resume = nullptr;
  Sequence record;
  AgentId agent;        ///< Whom it is about, where the request says so.
  EnvelopeId envelope;  ///< Which one it is about, where the request says so.
};

/// The waiting mail of a removed agent on its way to the dead letters.
struct Burial {
  bool reading = false;
  std::uint64_t not_before_ns = 0;  ///< Monotonic: after a read that failed.
};

/// An operator's request that waits for the files under agents/.
struct WaitingRemoval {
  ConnectionId connection;
  std::uint64_t request_id = 0;
  ParamMap result;
};

struct Core {
  Core(const HubConfig& hub_config, State recovered, const HubStart& hub_start);

  const HubConfig config;
  const HubStart start;
  State state;
  Random random;
  Time now;
  std::uint64_t turn = 0;
  Effects* effects = nullptr;

  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections;
  std::unordered_map<AgentId, std::unique_ptr<Inbox>> inboxes;
  std::map<ProducerId, Session*> posters;
  std::vector<Connection*> with_output;
  SendWindow window;                        ///< Granted to every session now.
  std::uint64_t unheard_answers_bytes = 0;  ///< Of connections that are gone; some may have left.

  // Commits.
  CommitBuilder builder;
  CommitConsequences building;
  std::deque<CommitConsequences> in_flight;
  CommitNumber next_commit;
  CommitNumber released;  ///< The last commit whose consequences have been carried out.
  Sequence committed;
  CommitNumber handed_over;  ///< The operating system has all commits up to it.
  Sequence written;  ///< What mailboxes that need no sync may show; never below `committed`.
  std::uint64_t id_clock_ns = 0;
  std::uint64_t id_time_ceiling_ns = 0;  ///< Of the last commit that has left.
  std::uint64_t durable_ceiling_ns = 0;  ///< Of the last one that is durable.
  std::vector<Inbox*> with_unsaved;
  std::uint64_t oldest_unsaved_ns = 0;  ///< Monotonic time; 0: nothing unsaved.

  // Mail that is not stored.
  std::vector<AcceptRun> passed_on;  ///< Accepts that leave at the end of the turn.
  Sequence last_passed_on;           ///< Counts this process's, for their ids.
  ByteBuffer passing_on;             ///< The envelope at hand, stamped.

  // Delivery.
  BlockCache cache;
  std::deque<Session*> ready;
  std::unordered_map<ReadId, PendingRead> reads;
  std::deque<AgentId> waiting_for_read;
  std::vector<AgentId> failed_reads;  ///< Whose mail could not be read just now.
  std::uint64_t retry_reads_ns = 0;   ///< When to read it again.
  ReadId next_read{1};
  std::unordered_map<ReadId, ParkedRequest> parked;  ///< By the read that each waits for.

  std::set<std::pair<std::uint64_t, AgentId>> retry_wakes;  ///< Monotonic ns, whose inbox.

  std::uint64_t next_ack_check_ns = 0;  ///< Monotonic: for receipts that are overdue.

  // Expiry.
  std::set<std::pair<std::uint64_t, AgentId>> expiries;  ///< Second since 1970, whose inbox.
  std::optional<std::int64_t> wall_offset_ns;            ///< Wall clock minus monotonic clock.
  std::uint64_t expiry_resumes_ns = 0;                   ///< Monotonic: until then nothing expires.

  // Removed agents.
  std::map<AgentId, Burial> burials;
  CommitNumber buried_in;          ///< The last commit with buried mail.
  std::uint64_t buried_bytes = 0;  ///< In it.
  std::map<std::string, WaitingRemoval> removals;

  // Segments and checkpoints.
  bool opens_segment = false;  ///< The commit in the making begins a segment.
  std::uint64_t open_segment_bytes = 0;
  std::uint64_t bytes_since_snapshot = 0;
  std::uint64_t snapshot_bytes = 0;
  std::uint64_t bytes_since_checkpoint = 0;
  std::uint64_t last_checkpoint_ns = 0;
  bool checkpoint_in_flight = false;
  bool checkpoints_failed = false;  ///< The last one did: nothing is dropped.
  Sequence checkpointed;
  std::optional<Census> census;
  std::vector<Pin> pins;        ///< As the last census found them, the largest first.
  RetainedSegments retained;    ///< As the last census found them.
  std::deque<Sequence> sparse;  ///< Segments that are worth a copy.
  std::optional<ColdCopy> cold_copy;
  std::uint64_t copies_resume_ns = 0;  ///< Monotonic: after a copy that failed.

  // Presence.
  PresenceBoard presence;
  std::vector<AgentId> presence_noted;  ///< In this turn.
  std::set<ConnectionId> presence_subscribers;
  ConnectionId presence_next;            ///< Who is told first, when not all could be told at once.
  bool presence_behind = false;          ///< Somebody has not been told everything.
  std::uint64_t presence_pushed_ns = 0;  ///< Monotonic.

  // Requests that wait for a key to be written.
  std::map<std::string, std::pair<ConnectionId, Response>> waiting_admissions;

  Counters counters;
  Gauges gauges;
  std::optional<DiskSpace> disk;  ///< Empty until somebody has looked.
  bool stopping = false;
  bool stopped = false;

  /// The fold has records that are not durable yet.
  [[nodiscard]] bool uncommitted() const { return !builder.empty() || !in_flight.empty(); }

  [[nodiscard]] Connection* find_connection(ConnectionId id);
  [[nodiscard]] Session* find_session(ConnectionId connection, SessionId session);
  /// Of an agent that the hub knows.
  [[nodiscard]] Inbox& inbox_of(AgentId agent);
  /// Null when the agent was removed.
  [[nodiscard]] Inbox* find_inbox(AgentId agent);
  /// The receiving session of an agent that may have been removed.
  [[nodiscard]] Session* find_receiver(AgentId agent) const;

  /// Up to where mail of this inbox may leave the hub.
  [[nodiscard]] Sequence deliverable(const Inbox& inbox) const {
    return inbox.durability == Durability::kWritten ? written : committed;
  }

  /// Whether an inbox takes so many bytes more.
  [[nodiscard]] bool has_room(const Mailbox& mailbox, std::uint64_t bytes) const;
  /// The block index is as large as it may become, and a part of it is this mailbox's: more mail
  /// would add to it. Who has little waiting is never refused for others' backlogs.
  [[nodiscard]] bool index_is_full(const Mailbox& mailbox) const;

  /// The writer of what leaves for this connection at the end of the turn.
  BodyWriter& output(Connection& connection);

  /// Sends what has gathered for a connection once it is worth a body part of its own.
  void flush_if_large(Connection& connection);

  /// Queues a frame computed from the state: it leaves when that state is durable.
  template <typename Frame>
  void reply(Connection& connection, const Frame& frame) {
    const bool waits = uncommitted();
    const std::size_t bytes = write_charged(connection, reply_writer(connection), frame);
    if (waits) connection.waiting_answers_bytes += bytes;
  }

  /// Queues an answer that waits for nothing: it leaves at the end of the turn.
  template <typename Frame>
  void answer_now(Connection& connection, const Frame& frame) {
    (void)write_charged(connection, output(connection), frame);
    flush_if_large(connection);
  }

  /// Whether the connection has something left of its share of this turn.
  [[nodiscard]] bool has_share(const Connection& connection) const {
    return connection.share_turn != turn || connection.share_used < kTurnShareBytes;
  }
  /// What replies take of it is counted by itself.
  void charge(Connection& connection, std::uint64_t bytes) const;

  /// What must be done when everything folded so far is durable.
  [[nodiscard]] CommitConsequences& consequences();

  /// Control characters in `detail`, and what is beyond kAuditBytesMax, are not passed on.
  void audit(std::string event, std::string_view detail);

 private:
  BodyWriter& reply_writer(Connection& connection);

  template <typename Frame>
  std::size_t write_charged(Connection& connection, BodyWriter& writer, const Frame& frame) const {
    const std::size_t before = writer.size();
    writer.write(frame);
    charge(connection, writer.size() - before);
    return writer.size() - before;
  }
};

/// What a peer has written, for people: in one line, and no longer than `bytes_max`.
[[nodiscard]] std::string printable(std::string_view text,
                                    std::size_t bytes_max = kPrintableBytesMax);
/// The same between quotation marks, with none inside: a value that is no end of itself.
[[nodiscard]] std::string quoted(std::string_view text);

/// The window that a session is granted while `connections` share the commit budget.
[[nodiscard]] SendWindow send_window(const HubConfig& config, std::size_t connections);

}  // namespace capstan
