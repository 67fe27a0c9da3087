// The hub's figures. PROTOCOL.md §7.
#include "capstan/codec/params.h"
#include "operation.h"

namespace capstan::operations {

Answer status(Core& core, Connection&, const Request&, const ParamMap&) {
  std::uint64_t pending = 0;
  for (const auto& [channel, mailbox] : core.state.mailboxes()) pending += mailbox.pending();
  std::uint64_t sessions = 0;
  for (const auto& [id, connection] : core.connections) sessions += connection->sessions.size();
  const Counters& counters = core.counters;
  const DiskSpace disk = core.disk.value_or(DiskSpace{});
  return ParamMap()
      .set("ready", !core.stopping)
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
      .set("gaps", std::uint64_t{core.state.gaps().size()})
      .set("chain_breaks", std::uint64_t{core.start.chain_breaks.size()})
      .set("index_bytes", core.state.index_bytes())
      .set("journal_bytes", core.gauges.journal_bytes)
      .set("disk_free_bytes", disk.free_bytes)
      .set("disk_state", std::string(disk_state_text(disk.state)));
}

}  // namespace capstan::operations
