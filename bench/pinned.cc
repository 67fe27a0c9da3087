#include "pinned.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "capstan/security/layout.h"
#include "config/config.h"
#include "crowd_hub.h"
#include "disk.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kLoadPayloadBytes = 1024;
constexpr int kAnswerMs = 30'000;

/// Sender and receiver at the same time, as fast as they can.
Status run_load(const RunSpec& spec, const HubProcess& hub) {
  constexpr double kEndSeconds = 60.0;
  RunSpec own = hub.addressed(spec);
  own.seconds = kPartSeconds;
  auto receiver = Child::start_role("mail_drainer", own);
  if (!receiver) return receiver.error();
  auto sent = run_part("mail_filler", spec, hub);
  if (!sent) return sent.error();
  auto received = receiver.value()->read_json(kPartSeconds, &hub.daemon());
  if (!received) return hub.with_log(received.error());
  auto ended = receiver.value()->finish(kEndSeconds);
  return ended ? Status() : Status(ended.error());
}

/// Segments go after the checkpoint behind their last settlement.
Result<std::uint64_t> settled_disk_bytes(const std::string& folder) {
  constexpr int kUnchangedSeconds = 12;
  constexpr int kPatienceSeconds = 120;
  auto bytes = disk_bytes(folder);
  int unchanged = 0;
  for (int second = 0; bytes && unchanged < kUnchangedSeconds && second < kPatienceSeconds;
       ++second) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const std::uint64_t before = *bytes;
    bytes = disk_bytes(folder);
    unchanged = bytes && *bytes == before ? unchanged + 1 : 0;
  }
  return bytes;
}

/// Of all mail that waits.
Result<std::uint64_t> pending_bytes(HubClient& as_operator) {
  std::uint64_t bytes = 0;
  std::string after;
  for (bool more = true; more;) {
    auto page = as_operator.request("list_agents", ParamMap().set("after", after), kAnswerMs);
    if (!page) return page.error();
    const std::vector<ParamMap>* agents = page->maps("agents");
    if (agents == nullptr || agents->empty()) break;
    for (const ParamMap& agent : *agents) bytes += agent.number("pending_bytes").value_or(0);
    after = agents->back().text("name").value_or("");
    more = page->flag("more").value_or(false);
  }
  return bytes;
}

RunSpec load_after(const RunSpec& old_mail, std::uint64_t gib) {
  RunSpec load = old_mail;
  load.first_agent = old_mail.agents;
  load.agents = 1;
  load.payload_bytes = kLoadPayloadBytes;
  load.envelopes = gib * kGiB / kLoadPayloadBytes;
  return load;
}

}  // namespace

Status measure_pinned(const ScaleOptions& options, const AddRow& add_row) {
  RunSpec old_mail;
  old_mail.dir = options.dir;
  old_mail.payload_bytes = options.payload_bytes;
  old_mail.agents = options.crowd;
  old_mail.envelopes = options.crowd;
  // A hub that gives nothing back must not fill somebody's disk: an envelope is an eighth larger
  // than its payload, and LevelDB has a log of the newest segment beside its tables.
  if (Status fits = check_free_disk(old_mail.dir, (options.pinned_gib * 5 / 4 + 2) * kGiB); !fits)
    return fits;
  progress("pinned: " + std::to_string(options.pinned_gib) + " GiB past " +
           std::to_string(options.crowd) + " old envelopes");
  auto hub = HubProcess::start(old_mail, crowd_keys(options.crowd + 1));
  if (!hub) return hub.error();
  if (auto filled = run_part("mail_filler", old_mail, *hub.value()); !filled) return filled.error();
  if (Status loaded = run_load(load_after(old_mail, options.pinned_gib), *hub.value()); !loaded)
    return loaded;

  auto disk = settled_disk_bytes(Layout{hub.value()->dir()}.data().string());
  if (!disk) return disk.error();
  auto as_operator = connect_operator(old_mail, *hub.value());
  if (!as_operator) return as_operator.error();
  if (Status waiting = expect_pending(*as_operator.value(), options.crowd); !waiting)
    return waiting;
  auto needed = pending_bytes(*as_operator.value());
  if (!needed) return needed.error();

  Row row = crowd_row("pinned", old_mail);
  row.disk_bytes = *disk;
  row.needed_bytes = *needed;
  const auto segment_bytes = static_cast<double>(default_config().journal.segment_bytes_max);
  set_upper_bound(
      row, "disk_bytes", static_cast<double>(*disk),
      kPinnedDiskFactor * static_cast<double>(*needed) + kPinnedSegments * segment_bytes);
  add_row(row);
  return {};
}

}  // namespace capstan::bench
