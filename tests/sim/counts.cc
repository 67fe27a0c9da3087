#include "counts.h"

namespace capstan::sim {

namespace {

struct Entry {
  Count count;
  std::string_view name;
};

constexpr std::array kEntries{
    Entry{Count::kPosted, "envelopes posted"},
    Entry{Count::kAccepted, "envelopes accepted"},
    Entry{Count::kDelivered, "notifies sent"},
    Entry{Count::kRedelivered, "notifies marked as redelivered"},
    Entry{Count::kShownAgain, "envelopes shown again to a later receiver"},
    Entry{Count::kAcknowledged, "deliveries acknowledged"},
    Entry{Count::kNacked, "deliveries given back by receivers"},
    Entry{Count::kFailed, "failed deliveries"},
    Entry{Count::kDead, "dead letters"},
    Entry{Count::kExpired, "envelopes expired"},
    Entry{Count::kNotices, "notices from the hub"},
    Entry{Count::kRepeats, "repeats known by their key"},
    Entry{Count::kOvertakings, "envelopes shown before less urgent ones"},
    Entry{Count::kDeduplicated, "accepts given again for a retry"},
    Entry{Count::kRefusedSends, "sends refused"},
    Entry{Count::kRetriedRefusals, "refused sends accepted on retry"},
    Entry{Count::kGivenUp, "sends given up after a refusal"},
    Entry{Count::kForgedRefused, "forged senders refused"},
    Entry{Count::kHostileBodies, "hostile body parts"},
    Entry{Count::kReconnects, "reconnects"},
    Entry{Count::kLinkCuts, "links cut"},
    Entry{Count::kClientCrashes, "client crashes"},
    Entry{Count::kSupersessions, "receivers superseded"},
    Entry{Count::kRegistrations, "agents registered"},
    Entry{Count::kPresences, "presences told"},
    Entry{Count::kProcessKills, "hub processes killed"},
    Entry{Count::kPowerCuts, "power cuts"},
    Entry{Count::kTornCommits, "power cuts inside a commit"},
    Entry{Count::kUnknownSurvived, "unanswered commits found again"},
    Entry{Count::kUnknownLost, "unanswered commits lost"},
    Entry{Count::kCutsInRecovery, "power cuts after an unfinished start"},
    Entry{Count::kLoudStops, "hubs stopped by their journal (exit 74)"},
    Entry{Count::kOrderlyStops, "hubs stopped on request"},
    Entry{Count::kFullDisks, "full disks"},
    Entry{Count::kDiskFullRefusals, "sends refused because the disk fills up"},
    Entry{Count::kFailedSyncs, "failing disks"},
    Entry{Count::kFailedReads, "reads refused by a bad disk"},
    Entry{Count::kFailedStarts, "starts refused by a bad disk"},
    Entry{Count::kStatesLost, "starts from a snapshot"},
    Entry{Count::kRotten, "stored blocks gone bad"},
    Entry{Count::kRottenLetters, "dead letters whose copy went bad"},
    Entry{Count::kDamagedReads, "reads that met a bad block"},
    Entry{Count::kGaps, "gaps recorded"},
    Entry{Count::kLostMail, "envelopes settled by a gap"},
    Entry{Count::kGapNotices, "agents told of a gap"},
    Entry{Count::kRemovals, "agents removed"},
    Entry{Count::kReturns, "names of removed agents added again"},
    Entry{Count::kBuried, "dead letters of removed agents"},
    Entry{Count::kRemovalsResumed, "removals that a later start went on with"},
    Entry{Count::kRemovalsTold, "removals told as presence"},
    Entry{Count::kRemovedSessions, "sessions ended by a removal"},
    Entry{Count::kWallSteps, "wall clock steps"},
    Entry{Count::kCommits, "commits"},
    Entry{Count::kTwoInFlight, "commits sent while another was in flight"},
    Entry{Count::kSegmentRolls, "segments opened"},
    Entry{Count::kSnapshots, "snapshots"},
    Entry{Count::kSegmentDrops, "segments dropped"},
    Entry{Count::kColdBlocks, "blocks copied to cold/"},
    Entry{Count::kColdSegments, "segments replaced by their copy"},
    Entry{Count::kRetained, "settled envelopes read again within their retention"},
    Entry{Count::kGaveWay, "retained segments given up to a low disk"},
    Entry{Count::kCheckpoints, "checkpoints"},
    Entry{Count::kBlocksRead, "blocks read from disk"},
    Entry{Count::kRecoveries, "recoveries"},
    Entry{Count::kToldUnsynced, "written envelopes accepted before their sync"},
    Entry{Count::kShownUnsynced, "written envelopes shown before their sync"},
    Entry{Count::kWrittenSurvived, "unsynced written envelopes found again"},
    Entry{Count::kWrittenLost, "written envelopes lost with the power"},
    Entry{Count::kPassedOn, "envelopes passed on without being stored"},
    Entry{Count::kNotDelivered, "sends refused as not delivered"},
    Entry{Count::kDeliveredAfterAll, "sends refused as not delivered and passed on later"},
    Entry{Count::kPassedUnseen, "envelopes passed on and lost with their receiver"},
    Entry{Count::kPassedKnown, "accepts given again for what was passed on"},
    Entry{Count::kNumbersForgotten, "numbers of passed-on envelopes that a crash took"},
    Entry{Count::kPassedAgain, "envelopes passed on again by a later hub"},
    Entry{Count::kNoticesPassed, "notices passed on"},
    Entry{Count::kNoticesUnheard, "notices dropped for want of a receiver"},
};
static_assert(kEntries.size() == static_cast<std::size_t>(Count::kEnd));

}  // namespace

void Counts::add(const Counts& other) {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += other.values_[i];
}

std::string Counts::text() const {
  std::string text;
  for (const Entry& entry : kEntries) {
    std::string number = std::to_string((*this)[entry.count]);
    if (number.size() < 12) number.insert(0, 12 - number.size(), ' ');
    text += number + "  " + std::string(entry.name) + "\n";
  }
  return text;
}

std::string Counts::missing() const {
  std::string names;
  for (const Entry& entry : kEntries) {
    if ((*this)[entry.count] > 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return names;
}

}  // namespace capstan::sim
