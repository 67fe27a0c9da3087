// Everything that reaches the hub core from outside. Beside these events the core has no inputs: it
// reads no clock, disk or socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/error.h"
#include "capstan/base/ids.h"
#include "capstan/base/journal_io.h"
#include "capstan/codec/record.h"

namespace capstan {

/// One life of one peer at the transport. The core never sees routing ids.
struct ConnectionId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  auto operator<=>(const ConnectionId&) const = default;
};

/// A public key that may connect, and the names it may use.
struct AdmittedKey {
  std::string name;  ///< Of the key: its file under agents/.
  std::array<std::uint8_t, 32> key{};
  std::vector<std::string> names;  ///< Literal names and globs.
  AgentRole role = AgentRole::kAgent;
  std::optional<Durability> durability{};  ///< Of agents made for it; empty: the hub's default.
};

/// A peer whose key the transport has checked.
struct PeerOpened {
  ConnectionId connection;
  AdmittedKey identity;
  bool any_key = false;  ///< CURVE is off: the peer may speak for every agent.
};

struct PeerGone {
  ConnectionId connection;
};

/// One body part. The bytes live until handle() returns.
struct FramesArrived {
  ConnectionId connection;
  Bytes body;
  std::uint64_t parts_dropped = 0;  ///< Of the same message: they stood behind this one.
};

/// The allow-list as it stands on disk; agents that it names and the hub does not know are created.
struct KeysChanged {
  std::vector<AdmittedKey> keys;
};

/// The answer to an AdmitKey effect.
struct KeyAdmitted {
  std::string name;
  std::optional<Error> error;
};

/// The answer to a WithdrawName effect; a start tells so what an earlier one left undone.
struct NameWithdrawn {
  std::string name;
  std::array<std::uint8_t, 32> key{};            ///< The key that had the name; zeros: none had.
  std::vector<std::string> withdrawn;            ///< Keys that had no other name.
  std::vector<std::string> narrowed;             ///< Keys that keep other names.
  std::vector<std::string> covering;             ///< Keys with a glob that covers the name.
  std::optional<std::vector<AdmittedKey>> keys;  ///< The allow-list as it stands now.
  std::optional<Error> error;
};

/// The answer to a ForgetWithdrawal effect.
struct WithdrawalForgotten {
  std::string name;
  std::optional<Error> error;
};

/// Figures of other threads, for `status`.
struct Gauges {
  std::uint64_t refused_handshakes = 0;
  std::uint64_t refused_identity = 0;
  std::uint64_t journal_bytes = 0;
};

/// What the room on the journal's disk allows.
enum class DiskState : std::uint8_t {
  kOk,
  kLow,   ///< Less than twice the reserve is free: somebody should look.
  kFull,  ///< The reserve is being used: nothing new is accepted, settlements go on.
};

struct DiskSpace {
  DiskState state = DiskState::kOk;
  std::uint64_t free_bytes = 0;
};

/// The wake-up that WakeAt asked for.
struct Tick {};

/// Stop taking work, finish what is in flight, then Stop with exit code 0.
struct StopRequested {};

using Event =
    std::variant<PeerOpened, PeerGone, FramesArrived, Written, Committed, CommitUnknown, ReadDone,
                 CheckpointDone, ColdPartStored, SegmentDropped, KeysChanged, KeyAdmitted,
                 NameWithdrawn, WithdrawalForgotten, Gauges, DiskSpace, Tick, StopRequested>;

}  // namespace capstan

template <>
struct std::hash<capstan::ConnectionId> {
  std::size_t operator()(capstan::ConnectionId id) const noexcept {
    return (static_cast<std::size_t>(id.generation) << 32) | id.index;
  }
};
