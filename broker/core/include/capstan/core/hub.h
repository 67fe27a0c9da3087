// The hub core: (time, events) → effects. One state, one thread; no clock, no disk, no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "capstan/base/clock.h"
#include "capstan/core/effect.h"
#include "capstan/core/event.h"
#include "capstan/core/retention_rule.h"
#include "capstan/core/state.h"

namespace capstan {

/// Defaults and bounds as in configs/capstan.toml, which documents each for operators.
struct HubConfig {
  std::uint32_t heartbeat_ms = 2000;               ///< Told to clients: ping at least this often.
  std::uint32_t lease_ms = 10'000;                 ///< Silence of this length ends a connection.
  std::uint64_t inbox_envelopes_max = 10'000'000;  ///< Unacknowledged, per agent.
  std::uint64_t inbox_bytes_max = std::uint64_t{8} << 30;       ///< The same in bytes.
  std::uint64_t window_envelopes = 32'768;                      ///< Unaccepted, per session.
  std::uint64_t window_bytes = std::uint64_t{16} << 20;         ///< The same in bytes, at most.
  std::uint64_t commit_budget_bytes = std::uint64_t{64} << 20;  ///< Shared by all windows granted.
  std::uint32_t max_deliver = 16;  ///< Attempts; then the envelope is a dead letter.
  std::uint32_t ack_wait_ms = 0;   ///< Without a receipt a delivery has failed then; 0: never.
  std::uint64_t resident_blocks_bytes = std::uint64_t{64} << 20;
  std::uint64_t index_bytes_max = std::uint64_t{256} << 20;    ///< See Core::index_is_full().
  std::uint64_t segment_bytes_max = std::uint64_t{256} << 20;  ///< Then the next commit opens one.
  std::uint64_t checkpoint_interval_ms = 5000;                 ///< When something has changed.
  Durability durability = Durability::kSynced;  ///< Of agents that are added without one.
  /// A key that has so many agents makes no more of them; whom an operator names is added anyway.
  std::uint64_t agents_per_key_max = 10'000;
  /// Records of unsynced commits whose mail may be known outside. No option: a start passes over so
  /// many positions, because the life before it may have given them out.
  std::uint64_t written_ahead_records = 65'536;
  /// A segment of which less than this is needed is copied to cold/, and dropped.
  std::uint64_t cold_percent = 10;
  std::uint64_t cold_percent_low_disk = 50;  ///< The same while the disk is low or full.
  RetentionRule retention;                   ///< Of settled mail.
};

/// What recovery found out beside the state.
struct HubStart {
  std::uint64_t seed = 0;
  BootId boot;
  CommitNumber last_commit;
  Sequence last_sequence;  ///< Of the WAL, gaps included: sequences go on after it.
  std::uint64_t id_time_ceiling_ns = 0;
  /// Of the segment that is open on disk and by the state; UINT64_MAX when these are not the same
  /// one: then the first commit opens another.
  std::uint64_t open_segment_bytes = 0;
  std::vector<Gap> gaps;  ///< Found by this recovery; recorded by the first commit.
  Sequence checkpointed;  ///< What was lost above it, the state has never seen.
  /// Sound blocks that were not written after the block before them; bases.
  std::vector<Sequence> chain_breaks;
  std::vector<Sequence> cold_originals;  ///< Segments that are cold, and still on disk.
  /// Segments on disk that the state does not know: the record of them is lost. They are sealed.
  std::vector<Sequence> unlisted;
  std::string version;  ///< Of the program, for `status`.
};

/// Place: owned by the core thread. Not thread-safe.
class Hub {
 public:
  /// Takes the recovered state. The first commit, which records the start, is among `effects`.
  Hub(const HubConfig& config, State state, const HubStart& start, const Time& time,
      Effects& effects);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Takes events that happened at `time`, in order, and appends what is to be done.
  void handle(const Time& time, std::span<const Event> events, Effects& effects);

  /// For the simulator's auditor.
  [[nodiscard]] const State& state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capstan
