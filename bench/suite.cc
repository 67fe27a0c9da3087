#include "suite.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "backlog.h"
#include "floor.h"
#include "grid.h"
#include "idle_agents.h"
#include "one_to_one.h"
#include "pinned.h"
#include "raw_leveldb.h"
#include "raw_zmq.h"
#include "restart.h"

namespace capstan::bench {
namespace {

// The floor is honest when it comes this close to the slower of what it stands on.
constexpr double kHonestFloor = 0.7;
constexpr std::uint64_t kBoundedPayloadBytes = 256;
// At half of these rates some hundred thousand envelopes, and more than one segment.
constexpr double kLatencySecondsMax = 5.0;
/// Of the receiver's mailbox, the first one in every set.
constexpr std::array<const char*, 3> kDurabilities = {"synced", "written", "memory"};

bool names(const std::vector<std::string>& rows, std::string_view workload) {
  return std::find(rows.begin(), rows.end(), workload) != rows.end();
}

Row row_of(const Contestant& contestant, double floor_rate) {
  const RunResult& median = contestant.median();
  Row row;
  row.system = contestant.system;
  row.workload = "one_to_one";
  row.durability = contestant.system == "raw_zmq" ? "none" : contestant.spec.durability;
  row.curve = contestant.spec.curve;
  row.payload_bytes = contestant.spec.payload_bytes;
  row.envelopes_per_second = median.envelopes_per_second;
  row.ratio_to_floor = median.envelopes_per_second / floor_rate;
  if (contestant.system != "capstan") {
    row.batch_bytes = contestant.spec.batch_bytes;
    row.window = contestant.spec.window;
  }
  row.fsyncs = median.fsyncs;
  row.cpu_seconds = median.cpu_seconds;
  row.runs = static_cast<int>(contestant.runs.size());
  const bool has_bound = contestant.system == "capstan" && !row.curve &&
                         row.durability == kDurabilities.front() &&
                         row.payload_bytes == kBoundedPayloadBytes;
  if (has_bound) set_lower_bound(row, "ratio_to_floor", *row.ratio_to_floor, kRatioToFloorMin);
  return row;
}

// Latency at half of the maximum: there a queue is the system's own doing, not the load's.
Status add_latency(Row& row, const Contestant& contestant, double seconds) {
  RunSpec spec = contestant.spec;
  spec.seconds = seconds;
  spec.rate = *row.envelopes_per_second / 2;
  auto result = contestant.run(spec);
  if (!result) return result.error();
  row.p50_us = result->accept.percentile_us(0.50);
  row.p99_us = result->accept.percentile_us(0.99);
  row.delivery_p50_us = result->delivery.percentile_us(0.50);
  row.delivery_p99_us = result->delivery.percentile_us(0.99);
  return {};
}

double honesty_of(const Contestant& floor, const Contestant& zmq, const Contestant& leveldb) {
  const double ratio =
      floor.median().envelopes_per_second /
      std::min(zmq.median().envelopes_per_second, leveldb.median().envelopes_per_second);
  progress("floor reaches " + std::to_string(ratio).substr(0, 4) + " of the lesser raw rate" +
           (ratio < kHonestFloor ? ": below 0.7, do not trust ratios to it" : ""));
  return ratio;
}

/// The floor's batch and window that a search has found, without and with CURVE.
using FloorSettings = std::map<bool, GridPoint>;

/// Everything about one payload size, with and without CURVE.
class PayloadSuite {
 public:
  PayloadSuite(const SuiteOptions& options, std::uint64_t payload_bytes, const AddRow& add_row,
               FloorSettings& settings)
      : options_(options), add_row_(add_row), settings_(settings) {
    spec_.dir = options.dir;
    spec_.payload_bytes = payload_bytes;
  }

  /// With the floor's own grid search, and what the floor stands on.
  Status run_whole() {
    Contestant leveldb{"raw_leveldb", run_raw_leveldb, spec_};
    if (Status settled = settle(leveldb, disk_grid(), options_.grid_seconds); !settled)
      return settled;
    for (const bool curve : options_.curve)
      if (Status measured = run_whole(leveldb, curve); !measured) return measured;
    return {};
  }

  /// Hub and floor alone; batch and window are those of an earlier search.
  Status run_short() {
    for (const bool curve : options_.curve) {
      RunSpec spec = spec_;
      spec.curve = curve;
      Contestant floor{"floor", run_floor, spec};
      floor.spec.batch_bytes = settings_.at(curve).batch_bytes;
      floor.spec.window = settings_.at(curve).window;
      std::vector<Contestant> capstan = hubs(spec);
      std::vector<Contestant*> all = {&floor};
      for (Contestant& hub : capstan) all.push_back(&hub);
      if (Status measured = measure(all, floor, std::nullopt); !measured) return measured;
    }
    return {};
  }

 private:
  Status run_whole(Contestant& leveldb, bool curve) {
    RunSpec spec = spec_;
    spec.curve = curve;
    Contestant zmq{"raw_zmq", run_raw_zmq, spec};
    Contestant floor{"floor", run_floor, spec};
    for (Contestant* contestant : {&zmq, &floor})
      if (Status settled = settle(*contestant, whole_grid(), options_.grid_seconds); !settled)
        return settled;
    settings_[curve] = {floor.spec.batch_bytes, floor.spec.window};
    std::vector<Contestant> capstan = hubs(spec);
    std::vector<Contestant*> all = {&zmq, &floor};
    // The disk knows no CURVE: its rate is that of the first rounds, also for the later ones.
    if (leveldb.runs.empty()) all.insert(all.begin(), &leveldb);
    for (Contestant& hub : capstan) all.push_back(&hub);
    return measure(all, floor, Raw{&zmq, &leveldb});
  }

  /// What the floor stands on.
  struct Raw {
    const Contestant* zmq;
    const Contestant* leveldb;
  };

  Status measure(const std::vector<Contestant*>& all, const Contestant& floor,
                 const std::optional<Raw>& raw) {
    if (Status measured = measure_interleaved(all, options_.rounds, options_.seconds); !measured)
      return measured;
    std::optional<double> honesty;
    if (raw) honesty = honesty_of(floor, *raw->zmq, *raw->leveldb);
    for (const Contestant* contestant : all)
      if (Status reported = report(*contestant, floor, honesty); !reported) return reported;
    return {};
  }

  /// The hub, once for each durability that this set has.
  [[nodiscard]] std::vector<Contestant> hubs(const RunSpec& spec) const {
    std::vector<Contestant> all;
    if (!names(options_.rows, "one_to_one")) return all;
    const bool every = options_.full || (!spec.curve && spec.payload_bytes == kBoundedPayloadBytes);
    for (const char* durability : kDurabilities) {
      if (!every && durability != kDurabilities.front()) continue;
      RunSpec own = spec;
      own.durability = durability;
      all.push_back({"capstan", run_one_to_one, own});
    }
    return all;
  }

  Status report(const Contestant& contestant, const Contestant& floor,
                const std::optional<double>& honesty) {
    Row row = row_of(contestant, floor.median().envelopes_per_second);
    row.seconds = options_.seconds;
    if (contestant.system == "floor" && honesty) {
      row.ratio_to_lesser_raw = honesty;
      set_lower_bound(row, "ratio_to_lesser_raw", *honesty, kHonestFloor);
    }
    if (contestant.system == "raw_leveldb") {
      row.p50_us = contestant.median().accept.percentile_us(0.50);
      row.p99_us = contestant.median().accept.percentile_us(0.99);
    } else {
      const double seconds = std::min(options_.seconds, kLatencySecondsMax);
      if (Status added = add_latency(row, contestant, seconds); !added) return added;
    }
    add_row_(row);
    return {};
  }

  const SuiteOptions& options_;
  const AddRow& add_row_;
  FloorSettings& settings_;
  RunSpec spec_;
};

Status run_rates(const SuiteOptions& options, const AddRow& add_row) {
  FloorSettings settings;
  for (const std::uint64_t payload_bytes : options.payloads) {
    PayloadSuite suite(options, payload_bytes, add_row, settings);
    const bool whole = options.full || settings.empty();
    if (Status done = whole ? suite.run_whole() : suite.run_short(); !done) return done;
  }
  return {};
}

struct Workload {
  std::string_view name;
  Status (*measure)(const ScaleOptions& options, const AddRow& add_row);
};

constexpr std::array kAtScale = {
    Workload{"backlog", measure_backlog},
    Workload{"idle_agents", measure_idle_agents},
    Workload{"restart", measure_restart},
    Workload{"pinned", measure_pinned},
};

}  // namespace

std::vector<std::string> workloads() {
  std::vector<std::string> names = {"one_to_one"};
  for (const Workload& workload : kAtScale) names.emplace_back(workload.name);
  return names;
}

Status run_suite(const SuiteOptions& options, const AddRow& add_row) {
  if (names(options.rows, "one_to_one") || names(options.rows, "floor"))
    if (Status done = run_rates(options, add_row); !done) return done;
  ScaleOptions scale = options.scale;
  scale.dir = options.dir;
  for (const Workload& workload : kAtScale) {
    if (!names(options.rows, workload.name)) continue;
    if (Status done = workload.measure(scale, add_row); !done) return done;
  }
  return {};
}

}  // namespace capstan::bench
