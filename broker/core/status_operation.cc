// The hub's figures. PROTOCOL.md §7.
#include <algorithm>

#include "capstan/codec/params.h"
#include "operation.h"

namespace capstan::operations {

namespace {

/// The agents without which most segments would go, as the last census found them.
std::vector<ParamMap> show_pins(const Core& core) {
  std::vector<ParamMap> shown;
  for (const Pin& pin : core.pins) {
    shown.push_back(ParamMap()
                        .set("agent", name_of(core, pin.agent))
                        .set("agent_id", id_bytes(pin.agent))
                        .set("dead_letters", pin.dead_letters)
                        .set("oldest_sequence", pin.oldest.value)
                        .set("bytes", pin.segments.size() * core.config.segment_bytes_max));
  }
  return shown;
}

std::uint64_t cold_segments(const State& state) {
  const auto& segments = state.segments();
  return static_cast<std::uint64_t>(
      std::count_if(segments.begin(), segments.end(),
                    [](const auto& segment) { return segment.second == SegmentState::kCold; }));
}

}  // namespace

Answer status(Core& core, Connection&, const Request&, const ParamMap&) {
  std::uint64_t pending = 0;
  for (const auto& [channel, mailbox] : core.state.mailboxes()) pending += mailbox.pending();
  std::uint64_t sessions = 0;
  for (const auto& [id, connection] : core.connections) sessions += connection->sessions.size();
  const Counters& counters = core.counters;
  const DiskSpace disk = core.disk.value_or(DiskSpace{});
  return ParamMap()
      // Ready to accept: with a full disk every send is refused.
      .set("ready", !core.stopping && disk.state != DiskState::kFull)
      .set("version", core.start.version)
      .set("boot_id", core.start.boot.hex())
      .set("agents", std::uint64_t{core.state.agents().size()})
      .set("connections", std::uint64_t{core.connections.size()})
      .set("sessions", sessions)
      .set("pending", pending)
      .set("accepted", counters.accepted)
      .set("delivered", counters.delivered)
      .set("redelivered", counters.redelivered)
      .set("acknowledged", counters.acknowledged)
      .set("expired", counters.expired)
      .set("nacked", counters.nacked)
      .set("dead", counters.dead)
      .set("lost", counters.lost)
      .set("deduplicated", counters.deduplicated)
      .set("refused_sends", counters.refused_sends)
      .set("refused_frames", counters.refused_frames)
      .set("refused_identity", counters.refused_identity + core.gauges.refused_identity)
      .set("refused_handshakes", core.gauges.refused_handshakes)
      .set("commits", counters.commits)
      .set("last_sequence", core.committed.value)
      .set("segments", std::uint64_t{core.state.segments().size()})
      .set("cold_segments", cold_segments(core.state))
      .set("cold_copies", counters.cold_copies)
      .set("pinned", show_pins(core))
      .set("retention", std::string(retention_kind_text(core.config.retention.kind)))
      .set("retained_segments", core.retained.count)
      .set("retained_bytes", core.retained.bytes)
      .set("gaps", std::uint64_t{core.state.gaps().size()})
      .set("chain_breaks", std::uint64_t{core.start.chain_breaks.size()})
      .set("index_bytes", core.state.index_bytes())
      .set("journal_bytes", core.gauges.journal_bytes)
      .set("disk_free_bytes", disk.free_bytes)
      .set("disk_state", std::string(disk_state_text(disk.state)));
}

}  // namespace capstan::operations
