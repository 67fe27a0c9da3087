#include "raw_leveldb.h"

#include <algorithm>
#include <memory>

#include "capstan/base/block.h"
#include "capstan/base/clock.h"
#include "floor_wire.h"
#include "payload.h"
#include "processes.h"
#include "run_folder.h"
#include "segment_store.h"

namespace capstan::bench {
namespace {

constexpr double kEndSeconds = 30.0;

Result<RunResult> read_result(Child& child, double timeout_seconds) {
  auto told = child.read_json(timeout_seconds);
  if (!told) return told.error();
  auto cpu_seconds = child.finish(kEndSeconds);
  if (!cpu_seconds) return cpu_seconds.error();
  auto accept = LatencyHistogram::from_json(told->at("accept"));
  if (!accept) return accept.error();
  RunResult result;
  result.envelopes = told->at("envelopes");
  result.fsyncs = told->at("fsyncs").get<std::uint64_t>();
  result.cpu_seconds = *cpu_seconds;
  result.accept = std::move(accept).value();
  result.envelopes_per_second =
      static_cast<double>(result.envelopes) * kNsPerSecond / told->at("elapsed_ns").get<double>();
  return result;
}

}  // namespace

Status run_raw_leveldb_role(const RunSpec& spec) {
  auto store = SegmentStore::open(spec.dir);
  if (!store) return store.error();
  const std::uint64_t envelope_bytes = kFloorEnvelopeHead + spec.payload_bytes;
  const std::uint64_t per_block = std::max<std::uint64_t>(1, kBlockBytesMax / envelope_bytes);
  const std::uint64_t per_commit =
      std::max<std::uint64_t>(1, spec.batch_bytes / envelope_bytes) * spec.window;
  const ByteBuffer block = incompressible(per_block * envelope_bytes);

  LatencyHistogram latency;
  BlockBatch blocks;
  std::uint64_t envelopes = 0;
  std::uint64_t number = 0;
  const std::uint64_t start_ns = now_ns();
  const auto end_ns = start_ns + static_cast<std::uint64_t>(spec.seconds * kNsPerSecond);
  std::uint64_t now = start_ns;
  while (now < end_ns) {
    blocks.clear();
    for (std::uint64_t left = per_commit; left > 0;) {
      const std::uint64_t taken = std::min(left, per_block);
      blocks.put({.number = ++number}, Bytes(block).first(taken * envelope_bytes));
      left -= taken;
    }
    if (Status durable = store.value()->commit(blocks); !durable) return durable;
    envelopes += per_commit;
    const std::uint64_t committed_ns = now_ns();
    latency.record(committed_ns - now);
    now = committed_ns;
  }
  tell_parent({{"envelopes", envelopes},
               {"fsyncs", store.value()->synced_commits()},
               {"elapsed_ns", now - start_ns},
               {"accept", latency.to_json()}});
  return {};
}

Result<RunResult> run_raw_leveldb(const RunSpec& spec) {
  auto folder = RunFolder::make(spec.dir);
  if (!folder) return folder.error();
  RunSpec own = spec;
  own.dir = folder.value()->path();
  auto child = Child::start_role("raw_leveldb", own);
  if (!child) return child.error();
  return read_result(*child.value(), spec.seconds + kEndSeconds);
}

}  // namespace capstan::bench
