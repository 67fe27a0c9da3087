#include "restart.h"

#include "agent_connection.h"
#include "capstan/base/clock.h"
#include "capstan/security/layout.h"
#include "crowd_hub.h"
#include "disk.h"

namespace capstan::bench {
namespace {

constexpr double kPatienceSeconds = 300.0;

double seconds_since(std::uint64_t start_ns) {
  return static_cast<double>(now_ns() - start_ns) / kNsPerSecond;
}

/// Tries anew all the time: a client that waits out its back-off would measure that.
Result<double> wait_until_ready(const RunSpec& spec, const HubProcess& hub,
                                std::uint64_t start_ns) {
  constexpr int kTryMs = 50;
  const RunSpec addressed = hub.addressed(spec);
  auto zmq = ZmqContext::make();
  if (!zmq) return zmq.error();
  while (seconds_since(start_ns) < kPatienceSeconds) {
    auto client = connect_with_key(addressed, kOperatorName, *zmq, kTryMs);
    if (!client) continue;
    if (auto status = ask_status(*client.value()); !status) return hub.with_log(status.error());
    return seconds_since(start_ns);
  }
  return hub.with_log({ErrorCode::kTimeout, "the hub is not ready"});
}

/// Stores `last` envelopes more, kills the hub and starts it again; `total` must wait then.
Result<double> kill_and_restart(const RunSpec& last, std::uint64_t total, bool drop_cache,
                                HubProcess& hub) {
  auto filled = run_part("mail_filler", last, hub);
  if (!filled) return filled.error();
  hub.kill();
  if (drop_cache)
    if (Status dropped = drop_page_cache(); !dropped) return dropped.error();
  const std::uint64_t start_ns = now_ns();
  if (Status started = hub.start_again(); !started) return started.error();
  auto seconds = wait_until_ready(last, hub, start_ns);
  if (!seconds) return seconds;
  auto as_operator = connect_operator(last, hub);
  if (!as_operator) return as_operator.error();
  if (Status waiting = expect_pending(*as_operator.value(), total); !waiting)
    return waiting.error();
  return seconds;
}

}  // namespace

Status measure_restart(const ScaleOptions& options, const AddRow& add_row) {
  RunSpec spec;
  spec.dir = options.dir;
  spec.payload_bytes = options.payload_bytes;
  spec.agents = 1;
  RunSpec last = spec;
  last.envelopes = options.envelopes / 100;
  spec.envelopes = options.envelopes - 2 * last.envelopes;
  if (Status fits = check_free_disk(spec.dir, options.envelopes * (spec.payload_bytes + 512));
      !fits)
    return fits;
  progress("restart: storing " + std::to_string(options.envelopes) + " envelopes");
  auto hub = HubProcess::start(spec, crowd_keys(spec.agents));
  if (!hub) return hub.error();
  auto filled = run_part("mail_filler", spec, *hub.value());
  if (!filled) return filled.error();

  std::uint64_t total = spec.envelopes;
  for (const bool drop_cache : {false, true}) {
    total += last.envelopes;
    auto seconds = kill_and_restart(last, total, drop_cache, *hub.value());
    if (!seconds && seconds.error().code == ErrorCode::kAccessDenied && drop_cache) {
      progress("restart: no row without the page cache: " + seconds.error().text());
      return {};
    }
    if (!seconds) return seconds.error();
    Row row = crowd_row("restart", spec);
    row.envelopes = total;
    row.envelopes_per_second =
        static_cast<double>(spec.envelopes) / filled->at("seconds").get<double>();
    row.page_cache_dropped = drop_cache;
    row.ready_seconds = *seconds;
    set_upper_bound(row, "ready_seconds", *seconds, kReadySecondsMax);
    add_row(row);
  }
  return {};
}

}  // namespace capstan::bench
