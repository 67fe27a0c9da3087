#include "backlog.h"

#include "crowd_hub.h"
#include "disk.h"
#include "process_memory.h"

namespace capstan::bench {
namespace {

Result<Row> run_backlog(const RunSpec& spec) {
  // What the journal adds to an envelope, and its checkpoints, with room to spare.
  const std::uint64_t disk_needed = spec.envelopes * (spec.payload_bytes + 512);
  if (Status fits = check_free_disk(spec.dir, disk_needed); !fits) return fits.error();
  auto hub = HubProcess::start(spec, crowd_keys(spec.agents));
  if (!hub) return hub.error();
  auto filled = run_part("mail_filler", spec, *hub.value());
  if (!filled) return filled.error();
  auto as_operator = connect_operator(spec, *hub.value());
  if (!as_operator) return as_operator.error();
  if (Status waiting = expect_pending(*as_operator.value(), spec.envelopes); !waiting)
    return waiting.error();
  auto bytes = rss_anon_bytes(hub.value()->daemon().pid());
  if (!bytes) return bytes.error();
  progress("backlog: RssAnon " + std::to_string(*bytes >> 20) + " MiB, draining");

  auto drained = run_part("mail_drainer", spec, *hub.value());
  if (!drained) return drained.error();
  if (Status empty = expect_pending(*as_operator.value(), 0); !empty) return empty.error();

  Row row = crowd_row("backlog", spec);
  const auto envelopes = static_cast<double>(spec.envelopes);
  row.envelopes_per_second = envelopes / filled->at("seconds").get<double>();
  row.drained_per_second = envelopes / drained->at("seconds").get<double>();
  row.rss_anon_bytes = *bytes;
  set_upper_bound(row, "rss_anon_bytes", static_cast<double>(*bytes), kBacklogRssBytesMax);
  return row;
}

}  // namespace

Status measure_backlog(const ScaleOptions& options, const AddRow& add_row) {
  RunSpec spec;
  spec.dir = options.dir;
  spec.payload_bytes = options.payload_bytes;
  spec.envelopes = options.envelopes;
  for (const std::uint64_t agents : {std::uint64_t{1}, options.crowd}) {
    spec.agents = agents;
    progress("backlog: " + std::to_string(spec.envelopes) + " envelopes for " +
             std::to_string(agents) + " absent agents");
    auto row = run_backlog(spec);
    if (!row) return row.error();
    add_row(*row);
  }
  return {};
}

}  // namespace capstan::bench
