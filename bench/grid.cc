#include "grid.h"

#include <algorithm>

#include "report.h"

namespace capstan::bench {
namespace {

constexpr std::uint64_t kKiB = 1024;

std::string describe(const Contestant& contestant, const RunSpec& spec) {
  std::string text = contestant.system + " " + std::to_string(spec.payload_bytes) + " B";
  if (contestant.system != "capstan")
    text += ", batch " + std::to_string(spec.batch_bytes / kKiB) + " KiB, window " +
            std::to_string(spec.window);
  return text + (spec.curve ? ", CURVE" : "");
}

Result<RunResult> run_and_tell(const Contestant& contestant, const RunSpec& spec) {
  auto result = contestant.run(spec);
  if (result) progress(describe(contestant, spec) + ": " + rate_text(result->envelopes_per_second));
  return result;
}

constexpr std::size_t kSecondLooks = 3;

struct Candidate {
  RunSpec spec;
  double rates;  ///< The sum of its runs' rates; candidates are compared after equally many runs.
};

bool is_faster(const Candidate& a, const Candidate& b) { return a.rates > b.rates; }

Status add_rates(const Contestant& contestant, std::vector<Candidate>& candidates) {
  for (Candidate& candidate : candidates) {
    auto result = run_and_tell(contestant, candidate.spec);
    if (!result) return result.error();
    candidate.rates += result->envelopes_per_second;
  }
  return {};
}

}  // namespace

std::vector<GridPoint> whole_grid() {
  std::vector<GridPoint> points;
  for (const std::uint64_t batch_bytes : {16 * kKiB, 64 * kKiB, 256 * kKiB, 1024 * kKiB})
    for (const std::uint64_t window : {1U, 4U, 16U, 64U}) points.push_back({batch_bytes, window});
  return points;
}

std::vector<GridPoint> disk_grid() {
  std::vector<GridPoint> points;
  for (std::uint64_t bytes = 16 * kKiB; bytes <= 16 * 1024 * kKiB; bytes *= 4)
    points.push_back({bytes, 1});
  return points;
}

const RunResult& Contestant::median() const {
  std::vector<const RunResult*> sorted;
  for (const RunResult& result : runs) sorted.push_back(&result);
  std::sort(sorted.begin(), sorted.end(), [](const RunResult* a, const RunResult* b) {
    return a->envelopes_per_second < b->envelopes_per_second;
  });
  return *sorted[sorted.size() / 2];
}

Status settle(Contestant& contestant, const std::vector<GridPoint>& points, double seconds) {
  std::vector<Candidate> candidates;
  for (const GridPoint& point : points) {
    Candidate candidate{contestant.spec, 0.0};
    candidate.spec.batch_bytes = point.batch_bytes;
    candidate.spec.window = point.window;
    candidate.spec.seconds = seconds;
    candidates.push_back(candidate);
  }
  if (Status added = add_rates(contestant, candidates); !added) return added;
  std::sort(candidates.begin(), candidates.end(), is_faster);
  candidates.resize(std::min(candidates.size(), kSecondLooks));
  if (Status added = add_rates(contestant, candidates); !added) return added;
  contestant.spec = std::min_element(candidates.begin(), candidates.end(), is_faster)->spec;
  return {};
}

Status measure_interleaved(const std::vector<Contestant*>& contestants, int rounds,
                           double seconds) {
  for (int round = 0; round < rounds; ++round) {
    for (Contestant* contestant : contestants) {
      RunSpec spec = contestant->spec;
      spec.seconds = seconds;
      auto result = run_and_tell(*contestant, spec);
      if (!result) return result.error();
      contestant->runs.push_back(std::move(result).value());
    }
  }
  return {};
}

}  // namespace capstan::bench
