// Which batch size and window serve a system best, and how fast it is with them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

using Runner = std::function<Result<RunResult>(const RunSpec&)>;

struct GridPoint {
  std::uint64_t batch_bytes;
  std::uint64_t window;
};

/// Batches of {16, 64, 256 KiB, 1 MiB} × windows of {1, 4, 16, 64}.
[[nodiscard]] std::vector<GridPoint> whole_grid();

/// The points of the grid that differ for the disk alone: each size of batch × window once, up to
/// 16 MiB, the size of LevelDB's write buffer.
[[nodiscard]] std::vector<GridPoint> disk_grid();

/// One system with the settings that suit it, and its runs.
struct Contestant {
  std::string system;
  Runner run;
  RunSpec spec;
  std::vector<RunResult> runs = {};

  /// The run with the median rate. There is at least one.
  [[nodiscard]] const RunResult& median() const;
};

/// Gives `contestant` the batch and window that serve it best: one run of `seconds` at each point,
/// and a second at the best three, because a short run can be lucky.
Status settle(Contestant& contestant, const std::vector<GridPoint>& points, double seconds);

/// Runs every contestant once in each of `rounds` rounds, so that all meet the same machine.
Status measure_interleaved(const std::vector<Contestant*>& contestants, int rounds, double seconds);

}  // namespace capstan::bench
