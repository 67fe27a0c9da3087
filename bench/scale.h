// How large the workloads beside one_to_one are, and what their rows must keep.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "report.h"

namespace capstan::bench {

struct ScaleOptions {
  std::string dir;
  std::uint64_t envelopes = 10'000'000;  ///< backlog, restart.
  std::uint64_t payload_bytes = 256;
  std::uint64_t crowd = 10'000;  ///< Agents of the second backlog, and of pinned.
  std::uint64_t idle_agents = 2'000;
  std::uint64_t pinned_gib = 20;  ///< Load beside the old envelopes, in payload.
};

using AddRow = std::function<void(const Row&)>;

inline constexpr double kBacklogRssBytesMax = 512.0 * 1024 * 1024;
inline constexpr double kIdleAgentBytesMax = 48.0 * 1024;
inline constexpr double kReadySecondsMax = 3.0;
/// Of the disk that pinned envelopes need, plus kPinnedSegments segments.
inline constexpr double kPinnedDiskFactor = 2.0;
inline constexpr double kPinnedSegments = 4.0;
/// At 256 B without CURVE, of the floor's rate.
inline constexpr double kRatioToFloorMin = 0.5;

}  // namespace capstan::bench
