// Everything that the hub core does to the world. Effects are carried out in the order given.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/base/bytes.h"
#include "capstan/core/event.h"

namespace capstan {

/// Hand one body part to a peer. A peer that is gone answers with PeerGone.
struct SendBody {
  ConnectionId connection;
  ByteBuffer body;
};

/// Make a commit durable; answered by Committed or CommitUnknown, and by Written before if it asks.
struct WriteCommit {
  Commit commit;
};

/// Write dirty rows of the state; answered by CheckpointDone.
struct WriteCheckpoint {
  Checkpoint checkpoint;
};

/// Fetch the whole blocks that hold these sequences; answered by ReadDone.
struct ReadBlocks {
  ReadId read;
  std::vector<Sequence> bases;  ///< Of their first records, where these are known.
};

/// Keep thinned blocks of a segment in cold/; answered by ColdPartStored.
struct StoreCold {
  ColdPart part;
};

/// Destroy a segment whose `dropping` or `cold` is durable; answered by SegmentDropped.
struct DropSegment {
  Sequence first;
  bool keeps_cold = false;  ///< Its copy in cold/ takes its place.
};

/// Forget a peer: its frames from now on are those of a stranger.
struct Evict {
  ConnectionId connection;
};

/// Write agents/NAME and swap the credential snapshot; answered by KeyAdmitted.
struct AdmitKey {
  AdmittedKey key;
};

/// Take a name out of agents/, leave agents/NAME.removed, and swap the credential snapshot;
/// answered by NameWithdrawn.
struct WithdrawName {
  std::string name;
};

/// The removal is durable: agents/NAME.removed has done its work. Answered by WithdrawalForgotten.
struct ForgetWithdrawal {
  std::string name;
};

/// Something that an operator wants to find later.
struct Audit {
  std::string event;   ///< For example "access_denied".
  std::string detail;  ///< key=value pairs; no secrets.
};

/// Send a Tick at this time or soon after; a later WakeAt replaces an earlier one.
struct WakeAt {
  std::uint64_t monotonic_ns = 0;
};

struct Stop {
  std::string reason;
  int exit_code = 0;
};

using Effect =
    std::variant<SendBody, WriteCommit, WriteCheckpoint, ReadBlocks, StoreCold, DropSegment, Evict,
                 AdmitKey, WithdrawName, ForgetWithdrawal, Audit, WakeAt, Stop>;
using Effects = std::vector<Effect>;

}  // namespace capstan
