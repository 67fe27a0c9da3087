// What the core's parts offer each other; pipeline.cc calls the stages, hub.cc everything else.
#pragma once

#include "batch.h"
#include "core.h"

namespace capstan {

// pipeline.cc
/// Takes one body part through the stages and the handlers of control frames.
/// `scratch` is reused from one body part to the next.
void run_pipeline(Core& core, Connection& connection, const FramesArrived& arrived, Batch& scratch);

// acknowledge.cc
void acknowledge(Core& core, Connection& connection, const Receipt& receipt);
/// Puts what was acknowledged into the commit in the making.
void settle_acknowledged(Core& core);
/// Lets go of the oldest deliveries that are over.
void forget_front(Session& session);

// commit.cc
/// Notes an accept behind the others: in one frame with the last, where it continues that one.
void add_accept(std::vector<AcceptRun>& accepts, const Session& session, std::uint64_t number,
                const EnvelopeId& id, std::uint64_t bytes, const AgentId& passed_on_to = {});
/// Puts an envelope into the commit in the making and folds it. It is stamped on the way: `view` is
/// what parse_envelope() made of it. Epoch 0: the hub posts it, without a client's number.
EnvelopeId store_envelope(Core& core, Mailbox& mailbox, const ChannelId& channel,
                          const AgentId& sender, const EnvelopeView& view, std::uint64_t epoch,
                          std::uint64_t number);
/// Adds one record of any kind but an envelope, and folds it.
template <typename Record>
void add_record(Core& core, const Record& record);
void add_encoded_record(Core& core, const ByteBuffer& record);
/// Hands the commit to the journal when it may leave now.
void emit_commit(Core& core);
/// So much is on its way to the disk that no sender may add to it.
[[nodiscard]] bool commits_are_full(const Core& core);
/// When settlements leave for a commit of their own, in monotonic ns; empty: none wait, or a commit
/// is under way, whose end wakes the hub.
[[nodiscard]] std::optional<std::uint64_t> next_settlement_ns(const Core& core);

// accept.cc
/// Releases all that waited for commits up to `number`.
void accept(Core& core, CommitNumber number);
/// Releases what concerns written mailboxes: the operating system has commits up to `number`.
void take_written(Core& core, CommitNumber number);

/// Releases what was passed on in this turn.
void accept_passed_on(Core& core);

// pass_on.cc
/// The receiver that takes mail for this agent at once; null: there is none, or it has no credit.
[[nodiscard]] Session* open_receiver(const Core& core, AgentId agent);
/// Stamps an envelope and sends it to `receiver`, which is open. It is stored nowhere.
EnvelopeId pass_on(Core& core, Session& receiver, const AgentId& sender, const EnvelopeView& view);
/// The number of an envelope that was passed on is settled.
void settle_number(Core& core, Session& session, std::uint64_t number);
/// Puts what settle_number() has gathered into the commit in the making.
void save_numbers(Core& core, Session& session);

// deliver.cc
/// Whether the receiver has asked for one more delivery.
[[nodiscard]] bool has_credit(const Session& session);
/// So much more it takes before it has none.
[[nodiscard]] SendWindow room_of(const Session& session);
/// One envelope leaves for its receiver, and is in flight from then on.
void send_delivery(Core& core, Session& session, Position position, std::uint32_t attempt,
                   const EnvelopeId& id, Priority priority, Bytes envelope);
/// The agent's mail or its receiver's credit has changed.
void mark_ready(Core& core, Session& session);
/// Something of this session is over: it may go on, and others of a connection that was full.
void credit_freed(Core& core, Session& session);
/// Sends what credit allows, in turn, up to a budget; true when some is left for the next turn.
bool deliver(Core& core);
void take_read(Core& core, const ReadDone& done);
/// What the disk did not give (kIo) is read again so much later.
inline constexpr std::uint64_t kReadRetryNs = 200 * kNsPerMs;
/// Whether so many reads are under way that another one has to wait.
[[nodiscard]] bool reads_are_full(const Core& core);
void request_blocks(Core& core, AgentId agent, ReadPurpose purpose, std::vector<Sequence> bases);
/// Settled, or acknowledged and about to be.
[[nodiscard]] bool is_settled(const Inbox& inbox, Position position);

// retry.cc
/// When a delivery that leaves now has failed without a receipt, in monotonic ns; 0: never.
[[nodiscard]] std::uint64_t give_back_at(const Core& core);
/// Takes a delivery back: it comes again after `delay_ms` (0: the usual back-off), and after
/// too many attempts it becomes a dead letter.
void fail_delivery(Core& core, Session& session, InFlight& delivery, std::uint32_t delay_ms,
                   std::string reason);
/// A link broke under this session, or another took over: remembers what it was working on.
void note_lost_session(Session& session);
/// The same client life goes on where it was; another one says that the old one died over the
/// oldest delivery that it held, which counts as failed.
void judge_lost_session(Core& core, Session& session);
/// What is in flight and has failed before waits for the next receiver.
void return_retries(Core& core, Session& session);
/// The failed delivery whose turn it is: due, and not ahead of what its lane has come to.
[[nodiscard]] std::optional<Position> next_retry(Core& core, Session& session);
/// It is with a receiver, or not for this one.
void take_from_due(Inbox& inbox, Priority priority, Position position);
/// So many have failed that nothing else is delivered.
[[nodiscard]] bool has_only_retries(const Session& session);
/// After `attempts` failures no receiver gets it any more.
[[nodiscard]] bool is_dead(const Core& core, std::uint32_t attempts);
/// Moves an envelope to the dead letters and tells its sender.
void bury(Core& core, Inbox& inbox, Position position, const Retry& retry, Bytes envelope);
void plan_recovered_retries(Core& core);
/// When something in here is due, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_retry_ns(const Core& core);
/// Wakes receivers whose retries are due, and takes back what got no receipt in time.
void retry(Core& core);
/// Lets go of dead letters that were kept long enough.
void drop_old_dead_letters(Core& core);

// expire.cc
/// Mail that leaves the hub undelivered because its time has passed: gathered from one block.
struct Expired {
  std::vector<Interval> intervals;
  std::uint64_t bytes = 0;
  std::map<AgentId, std::vector<EnvelopeId>> by_sender;
};
/// Nothing expires for a minute after the wall clock has jumped.
void watch_wall_clock(Core& core);
[[nodiscard]] bool expiry_is_paused(const Core& core);
/// Something of this inbox expires at `second` (since 1970; 0: never).
void plan_expiry(Core& core, Inbox& inbox, std::uint64_t second);
/// All that a start has found.
void plan_recovered_expiries(Core& core);
/// False: nothing in the run has expired. Spares is_expired() its look into each envelope.
[[nodiscard]] bool may_hold_expired(const Core& core, const MailRun& run);
/// True when the envelope is not to be delivered any more; never while expiry is paused.
[[nodiscard]] bool is_expired(const Core& core, Bytes envelope);
void add_expired(Expired& expired, Position position, Bytes envelope);
/// Settles what was gathered and tells the senders.
void settle_expired(Core& core, Inbox& inbox, const Expired& expired);
/// When expire() has something to do, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_expiry_ns(const Core& core);
/// Looks at every inbox whose time has come.
void expire(Core& core);
/// The agent is being removed.
void forget_expiry(Core& core, Inbox& inbox);
void take_expiry_read(Core& core, AgentId agent, Sequence base, const ReadDone& done);

// gap.cc
/// Whether the fold had the lost records before they were lost.
enum class LostRecords : std::uint8_t {
  kFolded,  ///< The index knows whose mail stood there.
  kUnseen,  ///< Some or all of them nobody has read since they were written.
};
/// Records lost sequences, settles the mail that stood there, and tells the agents concerned; all
/// in one commit.
void record_gap(Core& core, const Gap& gap, LostRecords records = LostRecords::kFolded);

// notice.cc
/// Mail from the hub to an agent, whatever room there is.
void post_notice(Core& core, AgentId to, std::string_view event, const ParamMap& data);
/// Mail from the hub to a mailbox that stores none: its receiver gets it now, or nobody.
void pass_on_notice(Core& core, AgentId to, const ByteBuffer& notice);
/// Tells a sender what became of its envelopes, by mail from the hub. PROTOCOL.md §6.14.
void notify_sender(Core& core, AgentId sender, const ChannelId& channel, std::string_view event,
                   const std::vector<EnvelopeId>& ids, const std::string& reason);

// sessions.cc
void open_peer(Core& core, const PeerOpened& peer);
/// It said goodbye, or has no standing any more.
void close_peer(Core& core, ConnectionId connection);
/// It went without a word.
void lose_peer(Core& core, ConnectionId connection);
void end_session(Core& core, Session& session);
/// Ends connections that have been silent for longer than the lease.
void expire_leases(Core& core);
/// Ends a connection for which too many answers wait for commits; true when it is gone.
[[nodiscard]] bool drop_if_overfull(Core& core, const Connection& connection);

// control.cc
/// Answers a frame that is no send with a typed error; the connection lives on. Beyond its share of
/// the turn it is counted, and not answered.
void refuse_frame(Core& core, Connection& connection, std::uint8_t type, ErrorCode code,
                  std::string message);
/// Handles a frame of any type but send and receipt.
void handle_control(Core& core, Connection& connection, std::uint8_t type, Bytes frame);

// operations.cc
void handle_request(Core& core, Connection& connection, const Request& request);

// parked_requests.cc
void take_request_read(Core& core, const ReadDone& done);

// agent_operations.cc
/// Creates the agents that admitted keys name and the hub does not know.
void take_keys(Core& core, const std::vector<AdmittedKey>& keys);
void take_admission(Core& core, const KeyAdmitted& admitted);

// identity.cc
[[nodiscard]] bool may_use_name(const Connection& connection, const std::string& name);
/// The agent of this name, made when nobody has it and the connection's key covers it. An unknown
/// name and a foreign one are answered alike. Errors: kAccessDenied, kInvalidArgument;
/// kUnavailable: the key has as many agents as it may make.
[[nodiscard]] Result<AgentId> authorize_name(Core& core, const Connection& connection,
                                             const std::string& name);
/// The same of an agent that exists. Errors: kAccessDenied.
[[nodiscard]] Result<AgentId> authorize_agent(const Core& core, const Connection& connection,
                                              const std::string& name);
/// The record of a new agent, or of a known one that the key may use.
[[nodiscard]] Result<AgentId> create_agent(Core& core, const std::string& name,
                                           const AdmittedKey& owner);

// presence_push.cc
/// The agent may be there, or gone, since just now; the end of the turn looks.
void note_presence(Core& core, AgentId agent);
/// All agents that a start has found: nobody is there yet.
void plan_recovered_presence(Core& core);
/// Its presence now. Of an agent that the hub knows.
[[nodiscard]] AgentPresence presence_of(const Core& core, const AgentRecord& agent);
void subscribe_to_presence(Core& core, Connection& connection, const Subscribe& subscribe);
void unsubscribe_from_presence(Core& core, Connection& connection, const Unsubscribe& unsubscribe);
/// Tells subscribers what has changed, not more often than every kPresenceIntervalNs.
void push_presence(Core& core);
/// When push_presence() has something to tell, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_presence_ns(const Core& core);

// remove_operation.cc
void take_withdrawal(Core& core, const NameWithdrawn& withdrawn);
void take_forgotten(Core& core, const WithdrawalForgotten& forgotten);

// retirement.cc
/// Ends all sessions of the agent, with `reason`.
void end_sessions(Core& core, AgentId agent, const std::string& reason);
/// Ends the agent's sessions and frees its name, with the commit in the making. Returns how many
/// envelopes become dead letters.
std::uint64_t retire_agent(Core& core, AgentId agent);

// burial.cc
/// Removed agents that the last process did not finish with.
void plan_recovered_burials(Core& core);
/// Moves waiting mail of removed agents to the dead letters, a bounded stretch at a time.
void bury_waiting(Core& core);
/// When bury_waiting() has something to do, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_burial_ns(const Core& core);
void take_burial_read(Core& core, AgentId agent, Sequence base, const ReadDone& done);

// checkpoint.cc
/// Before the first record of a commit: opens a new segment when the current one is full, with a
/// snapshot at its head.
void begin_commit(Core& core);
/// Attaches a checkpoint to what has been folded, when one is due.
void checkpoint_if_due(Core& core);
void take_checkpoint_done(Core& core, const CheckpointDone& done);

// census.cc
/// Looks anew for what is needed in segments that may be dropped, unless that is under way.
void begin_census(Core& core);
/// Goes on with it; judge_segments() has the result.
void take_census(Core& core);
/// When take_census() has something to do, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_census_ns(const Core& core);

// retention.cc
/// Whether a segment of this state goes when nothing in it is needed, nor to be kept.
[[nodiscard]] bool may_be_dropped(SegmentState state);
/// From this segment on all are within the retention.
[[nodiscard]] Sequence oldest_retained(const Core& core);
/// What was retained for an age is too old now, and no checkpoint may come for long.
[[nodiscard]] bool retention_is_over(const Core& core);
/// Drops what nobody needs, and notes what is worth a copy; all but what is within the retention.
void judge_segments(Core& core, const Census& census);
void take_segment_dropped(Core& core, const SegmentDropped& dropped);
/// From here on sends are refused, or taken again, as the room on the disk says.
void take_disk_space(Core& core, const DiskSpace& disk);
[[nodiscard]] std::string_view disk_state_text(DiskState state);

// cold.cc
/// Goes on with the copy at hand, or begins the next one.
void copy_sparse(Core& core);
/// When copy_sparse() has something to do, in monotonic ns.
[[nodiscard]] std::optional<std::uint64_t> next_copy_ns(const Core& core);
void take_copy_read(Core& core, const std::vector<Sequence>& bases, const ReadDone& done);
void take_cold_stored(Core& core, const ColdPartStored& stored);

template <typename Record>
void add_record(Core& core, const Record& record) {
  ByteBuffer encoded;
  encode_record(record, encoded);
  add_encoded_record(core, encoded);
}

}  // namespace capstan
