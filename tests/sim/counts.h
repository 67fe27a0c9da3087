// What the runs met. A fault that never happens proves nothing, so most of these must not be zero.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace capstan::sim {

enum class Count : std::uint8_t {
  kPosted,
  kAccepted,
  kDelivered,
  kRedelivered,
  kShownAgain,
  kAcknowledged,
  kNacked,
  kFailed,
  kDead,
  kExpired,
  kNotices,
  kRepeats,
  kOvertakings,
  kDeduplicated,
  kRefusedSends,
  kRetriedRefusals,
  kGivenUp,
  kForgedRefused,
  kHostileBodies,
  kReconnects,
  kLinkCuts,
  kClientCrashes,
  kSupersessions,
  kRegistrations,
  kPresences,
  kProcessKills,
  kPowerCuts,
  kTornCommits,
  kUnknownSurvived,
  kUnknownLost,
  kCutsInRecovery,
  kLoudStops,
  kOrderlyStops,
  kFullDisks,
  kDiskFullRefusals,
  kFailedSyncs,
  kFailedReads,
  kFailedStarts,
  kStatesLost,
  kRotten,
  kRottenLetters,
  kDamagedReads,
  kGaps,
  kLostMail,
  kGapNotices,
  kRemovals,
  kReturns,
  kBuried,
  kRemovalsResumed,
  kRemovalsTold,
  kRemovedSessions,
  kWallSteps,
  kCommits,
  kTwoInFlight,
  kSegmentRolls,
  kSnapshots,
  kSegmentDrops,
  kColdBlocks,
  kColdSegments,
  kRetained,
  kGaveWay,
  kCheckpoints,
  kBlocksRead,
  kRecoveries,
  kToldUnsynced,
  kShownUnsynced,
  kWrittenSurvived,
  kWrittenLost,
  kPassedOn,
  kNotDelivered,
  kDeliveredAfterAll,
  kPassedUnseen,
  kPassedKnown,
  kNumbersForgotten,
  kPassedAgain,
  kNoticesPassed,
  kNoticesUnheard,
  kEnd,
};

class Counts {
 public:
  void add(Count count, std::uint64_t n = 1) { values_[static_cast<std::size_t>(count)] += n; }
  [[nodiscard]] std::uint64_t operator[](Count count) const {
    return values_[static_cast<std::size_t>(count)];
  }
  void add(const Counts& other);

  /// One line each.
  [[nodiscard]] std::string text() const;
  /// Names of counts that should not be zero and are; empty when there are none.
  [[nodiscard]] std::string missing() const;

 private:
  static constexpr std::size_t kCountsMax = static_cast<std::size_t>(Count::kEnd);
  std::array<std::uint64_t, kCountsMax> values_{};
};

}  // namespace capstan::sim
