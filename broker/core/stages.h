// What the core's parts offer each other; pipeline.cc calls the stages, hub.cc everything else.
#pragma once

#include "batch.h"
#include "core.h"

namespace capstan {

// pipeline.cc
/// Takes one body part through the stages and the handlers of control frames.
/// `scratch` is reused from one body part to the next.
void run_pipeline(Core& core, Connection& connection, Bytes body, Batch& scratch);

// acknowledge.cc
void acknowledge(Core& core, Connection& connection, const Receipt& receipt);
/// Puts what was acknowledged into the commit in the making.
void settle_acknowledged(Core& core);

// commit.cc
/// Adds one record of any kind but an envelope, and folds it.
template <typename Record>
void add_record(Core& core, const Record& record);
void add_encoded_record(Core& core, const ByteBuffer& record);
/// Hands the commit to the journal when it may leave now.
void emit_commit(Core& core);

// accept.cc
/// Releases all that waited for commits up to `number`.
void accept(Core& core, CommitNumber number);

// deliver.cc
/// The agent's mail or its receiver's credit has changed.
void mark_ready(Core& core, Session& session);
/// Sends what credit allows, in turn, up to a budget; true when some is left for the next turn.
bool deliver(Core& core);
void take_read(Core& core, const ReadDone& done);

// sessions.cc
void open_peer(Core& core, const PeerOpened& peer);
void close_peer(Core& core, ConnectionId connection);
void end_session(Core& core, Session& session);
/// Ends connections that have been silent for longer than the lease.
void expire_leases(Core& core);

// control.cc
/// Answers a frame that is no send with a typed error; the connection lives on.
void refuse_frame(Core& core, Connection& connection, std::uint8_t type, ErrorCode code,
                  std::string message);
/// Handles a frame of any type but send and receipt.
void handle_control(Core& core, Connection& connection, std::uint8_t type, Bytes frame);

// operations.cc
void handle_request(Core& core, Connection& connection, const Request& request);
/// Creates the agents that admitted keys name and the hub does not know.
void take_keys(Core& core, const std::vector<AdmittedKey>& keys);
void take_admission(Core& core, const KeyAdmitted& admitted);
/// The record of a new agent, or of a known one that the key may use.
[[nodiscard]] Result<AgentId> create_agent(Core& core, const std::string& name,
                                           const AdmittedKey& owner);

// retention.cc
/// Before the first record of a commit: opens a new segment when the current one is full, with a
/// snapshot at its head.
void begin_commit(Core& core);
/// Attaches a checkpoint to what has been folded, when one is due.
void checkpoint_if_due(Core& core);
void take_checkpoint_done(Core& core, const CheckpointDone& done);
void take_segment_dropped(Core& core, const SegmentDropped& dropped);
/// Records lost sequences and settles the mail that stood there.
void record_gap(Core& core, const Gap& gap);

template <typename Record>
void add_record(Core& core, const Record& record) {
  ByteBuffer encoded;
  encode_record(record, encoded);
  add_encoded_record(core, encoded);
}

}  // namespace capstan
