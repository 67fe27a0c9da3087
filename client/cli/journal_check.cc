#include "journal_check.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "capstan/codec/record.h"
#include "record_text.h"
#include "recovery.h"

namespace capstan::cli {

namespace {

/// Reads every record of every block.
class ReadingSink final : public RecoverySink {
 public:
  explicit ReadingSink(JournalReport& report) : report_(report) {}

  Status row(Bytes, Bytes) override { return {}; }

  Status block(const SharedBlock& block) override {
    ++report_.blocks;
    RecordReader reader(*block);
    std::uint64_t sequence = block->base.value;
    for (auto record = reader.next(); record; record = reader.next(), ++sequence) {
      ++report_.records;
      if (!describe_record(*record, false)) report_.unreadable_records.push_back(record->sequence);
    }
    if (!reader.at_end() || sequence != block->last().value + 1) {
      report_.unreadable_records.push_back(Sequence{sequence});
    }
    return {};
  }

 private:
  JournalReport& report_;
};

Result<std::unique_ptr<JournalStore>> open(const std::string& copy) {
  JournalOptions options;
  options.directory = copy;
  options.ballast_bytes = 0;
  return JournalStore::open(options);
}

/// "journal/00…1" of ".../journal/00…1.quarantined-1".
std::string damaged_directory(const std::string& quarantined, const std::string& copy) {
  const std::string below = quarantined.substr(copy.size() + 1);
  return below.substr(0, below.find(".quarantined-"));
}

struct Losses {
  std::set<Gap> found;
  std::set<Gap> recorded;

  [[nodiscard]] bool is_recorded(const Gap& gap) const {
    return std::any_of(recorded.begin(), recorded.end(), [&](const Gap& known) {
      return known.first <= gap.first && gap.last <= known.last;
    });
  }
};

/// One loss for each segment that a gap touches; what overlaps is told once.
std::vector<Loss> by_segment(const Losses& losses, const std::vector<SegmentInfo>& segments) {
  std::vector<Loss> lost;
  Sequence told;
  for (const Gap& gap : losses.found) {
    Sequence first = std::max(gap.first, told.plus(1));
    while (first <= gap.last) {
      const auto next = std::find_if(segments.begin(), segments.end(),
                                     [&](const SegmentInfo& info) { return first < info.first; });
      const Sequence segment = next == segments.begin() ? first : std::prev(next)->first;
      Sequence last = gap.last;
      if (next != segments.end()) last = std::min(last, Sequence{next->first.value - 1});
      lost.push_back({{first, last}, segment, losses.is_recorded({first, last})});
      told = last;
      first = last.plus(1);
    }
  }
  return lost;
}

/// What a start of the hub would find. Its refusal is a finding, too.
Status rehearse_start(const std::string& copy, JournalReport& report, Losses& losses) {
  auto store = open(copy);
  if (!store) return store.error();
  const auto recovered = recover_state(**store);
  if (!recovered) {
    if (recovered.error().code != ErrorCode::kDamaged) return recovered.error();
    report.start_error = recovered.error();
    return {};
  }
  const RecoverySummary& found = recovered->summary;
  report.applied = found.applied;
  report.state_from_snapshot = found.state_from_snapshot;
  report.witness = found.witness;
  report.chain_breaks = found.chain_breaks;
  for (const std::string& path : found.quarantined) {
    report.damaged.push_back(damaged_directory(path, copy));
  }
  losses.recorded = recovered->state.gaps();
  losses.found.insert(found.gaps.begin(), found.gaps.end());
  losses.found.insert(recovered->start.gaps.begin(), recovered->start.gaps.end());
  return {};
}

Status read_everything(const std::string& copy, JournalReport& report, Losses& losses) {
  auto store = open(copy);
  if (!store) return store.error();
  ReadingSink sink(report);
  const auto summary = (*store)->recover(sink, Replay::kEverything);
  if (!summary) return summary.error();
  for (const std::string& path : summary->quarantined) {
    report.damaged.push_back(damaged_directory(path, copy));
  }
  for (const Sequence base : summary->chain_breaks) report.chain_breaks.push_back(base);
  losses.found.insert(summary->gaps.begin(), summary->gaps.end());
  report.segments = (*store)->segments();
  report.last_sequence = summary->last_sequence;
  if (report.start_error) report.witness = summary->witness;
  return {};
}

template <typename T>
void make_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

bool JournalReport::sound() const {
  return !start_error && damaged.empty() && lost.empty() && chain_breaks.empty() &&
         unreadable_records.empty();
}

Result<JournalReport> check_journal(const std::string& copy) {
  JournalReport report;
  Losses losses;
  if (Status done = rehearse_start(copy, report, losses); !done) return done.error();
  if (Status done = read_everything(copy, report, losses); !done) return done.error();
  make_unique(report.damaged);
  make_unique(report.chain_breaks);
  report.state_damaged =
      std::find(report.damaged.begin(), report.damaged.end(), "state") != report.damaged.end();
  report.lost = by_segment(losses, report.segments);
  return report;
}

}  // namespace capstan::cli
