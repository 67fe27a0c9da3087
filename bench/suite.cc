#include "suite.h"

#include <algorithm>

#include "floor.h"
#include "grid.h"
#include "one_to_one.h"
#include "raw_leveldb.h"
#include "raw_zmq.h"

namespace capstan::bench {
namespace {

// The floor is honest when it comes this close to the slower of what it stands on.
constexpr double kHonestFloor = 0.7;

Row row_of(const Contestant& contestant, double floor_rate) {
  const RunResult& median = contestant.median();
  Row row;
  row.system = contestant.system;
  row.workload = "one_to_one";
  row.durability = contestant.system == "raw_zmq" ? "none" : "synced";
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
  return row;
}

// Latency at half of the maximum: there a queue is the system's own doing, not the load's.
Status add_latency(Row& row, const Contestant& contestant, double seconds) {
  RunSpec spec = contestant.spec;
  spec.seconds = seconds;
  spec.rate = row.envelopes_per_second / 2;
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

/// Everything about one payload size, with and without CURVE.
class PayloadSuite {
 public:
  PayloadSuite(const SuiteOptions& options, std::uint64_t payload_bytes,
               const std::function<void(const Row&)>& add_row)
      : options_(options), add_row_(add_row) {
    spec_.dir = options.dir;
    spec_.payload_bytes = payload_bytes;
  }

  Status run() {
    Contestant leveldb{"raw_leveldb", run_raw_leveldb, spec_};
    if (Status settled = settle(leveldb, disk_grid(), options_.grid_seconds); !settled)
      return settled;
    for (const bool curve : options_.curve)
      if (Status measured = run_one(leveldb, curve); !measured) return measured;
    return {};
  }

 private:
  Status run_one(Contestant leveldb, bool curve) {
    RunSpec spec = spec_;
    spec.curve = curve;
    // The disk knows no CURVE; the mark says which rows its own stands beside.
    leveldb.spec.curve = curve;
    Contestant zmq{"raw_zmq", run_raw_zmq, spec};
    Contestant floor{"floor", run_floor, spec};
    for (Contestant* contestant : {&zmq, &floor})
      if (Status settled = settle(*contestant, whole_grid(), options_.grid_seconds); !settled)
        return settled;
    Contestant capstan{"capstan", run_one_to_one, spec};
    std::vector<Contestant*> all = {&leveldb, &zmq, &floor};
    if (wants("one_to_one")) all.push_back(&capstan);
    if (Status measured = measure_interleaved(all, options_.rounds, options_.seconds); !measured)
      return measured;
    const double honesty = honesty_of(floor, zmq, leveldb);
    for (const Contestant* contestant : all)
      if (Status reported = report(*contestant, floor, honesty); !reported) return reported;
    return {};
  }

  [[nodiscard]] bool wants(const std::string& workload) const {
    return std::find(options_.rows.begin(), options_.rows.end(), workload) != options_.rows.end();
  }

  Status report(const Contestant& contestant, const Contestant& floor, double honesty) {
    Row row = row_of(contestant, floor.median().envelopes_per_second);
    row.seconds = options_.seconds;
    if (contestant.system == "floor") row.ratio_to_lesser_raw = honesty;
    if (contestant.system == "raw_leveldb") {
      row.p50_us = contestant.median().accept.percentile_us(0.50);
      row.p99_us = contestant.median().accept.percentile_us(0.99);
    } else if (Status added = add_latency(row, contestant, options_.seconds); !added) {
      return added;
    }
    add_row_(row);
    return {};
  }

  const SuiteOptions& options_;
  const std::function<void(const Row&)>& add_row_;
  RunSpec spec_;
};

}  // namespace

Status run_suite(const SuiteOptions& options, const std::function<void(const Row&)>& add_row) {
  for (const std::uint64_t payload_bytes : options.payloads)
    if (Status done = PayloadSuite(options, payload_bytes, add_row).run(); !done) return done;
  return {};
}

}  // namespace capstan::bench
