#include "capstan/core/hub.h"

#include <algorithm>

#include "batch.h"
#include "stages.h"

namespace capstan {

namespace {

/// The journal cannot say what became of a commit: nothing in memory can be trusted any more.
void stop_for_unknown_outcome(Core& core, const CommitUnknown& unknown) {
  for (auto& [id, connection] : core.connections) {
    core.output(*connection)
        .write(Bye{ErrorCode::kOutcomeUnknown,
                   "the journal failed; what is unaccepted may or may not be stored"});
  }
  core.stopped = true;
  core.effects->push_back(Stop{"journal: " + unknown.error.text(), 74});
}

void begin_stop(Core& core) {
  if (core.stopping) return;
  core.stopping = true;
  for (const auto& [id, session] : core.posters) save_numbers(core, *session);
  for (auto& [id, connection] : core.connections) {
    core.reply(*connection, Bye{ErrorCode::kHubStopping, "the hub is stopping"});
  }
}

void finish_stop(Core& core) {
  if (!core.stopping || core.stopped || core.uncommitted() || core.oldest_unsaved_ns != 0 ||
      core.checkpoint_in_flight || (core.state.dirty() && !core.checkpoints_failed)) {
    return;
  }
  core.stopped = true;
  core.effects->push_back(Stop{"requested", 0});
}

void flush_output(Core& core) {
  for (Connection* connection : core.with_output) {
    connection->has_output = false;
    if (connection->out.empty()) continue;
    core.effects->push_back(SendBody{connection->id, connection->out.take()});
  }
  core.with_output.clear();
}

/// A power cut may have taken written mail whose positions are known outside: none of them is given
/// out again, or a receiver would take the new envelope for the old one.
void pass_lost_positions(Core& core) {
  for (const auto& [name, id] : core.state.agents_by_name()) {
    if (core.state.find_agent(id)->durability != Durability::kWritten) continue;
    Inbox& inbox = core.inbox_of(id);  // Before the record: its floor is not durable yet.
    const Position next = inbox.mailbox->next;
    add_record(core, SettledRecord{
                         id,
                         mailbox_of(id),
                         SettledWhy::kPassed,
                         0,
                         {{next, Position{next.value + core.config.written_ahead_records - 1}}}});
    core.building.settled_floors.emplace_back(&inbox, Position{inbox.mailbox->settled.floor()});
  }
}

std::uint64_t next_wake(const Core& core, bool more_to_deliver) {
  if (more_to_deliver) return core.now.monotonic_ns;
  std::uint64_t wake = core.now.monotonic_ns + std::uint64_t{core.config.lease_ms} * kNsPerMs / 4;
  if (const auto settlement_ns = next_settlement_ns(core)) wake = std::min(wake, *settlement_ns);
  if (const auto expiry_ns = next_expiry_ns(core)) wake = std::min(wake, *expiry_ns);
  if (const auto retry_ns = next_retry_ns(core)) wake = std::min(wake, *retry_ns);
  if (const auto burial_ns = next_burial_ns(core)) wake = std::min(wake, *burial_ns);
  if (const auto presence_ns = next_presence_ns(core)) wake = std::min(wake, *presence_ns);
  if (const auto census_ns = next_census_ns(core)) wake = std::min(wake, *census_ns);
  if (const auto copy_ns = next_copy_ns(core)) wake = std::min(wake, *copy_ns);
  // A stopping hub delivers nothing, and so reads nothing again.
  if (!core.failed_reads.empty() && !core.stopping) wake = std::min(wake, core.retry_reads_ns);
  const bool gives_up = core.stopping && core.checkpoints_failed;
  if (core.state.dirty() && core.builder.empty() && !core.checkpoint_in_flight && !gives_up) {
    wake = std::min(wake, core.last_checkpoint_ns + core.config.checkpoint_interval_ms * kNsPerMs);
  }
  return wake;
}

}  // namespace

struct Hub::Impl {
  Impl(const HubConfig& config, State state, const HubStart& start)
      : core(config, std::move(state), start) {}

  void take(const PeerOpened& peer) { open_peer(core, peer); }
  void take(const PeerGone& peer) { lose_peer(core, peer.connection); }
  void take(const FramesArrived& frames) {
    Connection* connection = core.find_connection(frames.connection);
    if (connection == nullptr) return;
    connection->last_heard_ns = core.now.monotonic_ns;
    run_pipeline(core, *connection, frames, scratch);
  }
  void take(const Written& written) { take_written(core, written.number); }
  void take(const Committed& committed) { accept(core, committed.number); }
  void take(const CommitUnknown& unknown) { stop_for_unknown_outcome(core, unknown); }
  void take(const ReadDone& done) { take_read(core, done); }
  void take(const CheckpointDone& done) { take_checkpoint_done(core, done); }
  void take(const ColdPartStored& stored) { take_cold_stored(core, stored); }
  void take(const SegmentDropped& dropped) { take_segment_dropped(core, dropped); }
  void take(const KeysChanged& changed) { take_keys(core, changed.keys); }
  void take(const KeyAdmitted& admitted) { take_admission(core, admitted); }
  void take(const NameWithdrawn& withdrawn) { take_withdrawal(core, withdrawn); }
  void take(const WithdrawalForgotten& forgotten) { take_forgotten(core, forgotten); }
  void take(const Gauges& gauges) { core.gauges = gauges; }
  void take(const DiskSpace& disk) { take_disk_space(core, disk); }
  void take(const Tick&) {}
  void take(const StopRequested&) { begin_stop(core); }

  /// After the events of a turn: leases, deliveries, the commit, and what leaves.
  void finish_turn() {
    if (core.stopped) {
      flush_output(core);
      return;
    }
    if (core.now.monotonic_ns >= next_lease_check_ns) {
      expire_leases(core);
      if (!core.stopping) drop_old_dead_letters(core);
      next_lease_check_ns =
          core.now.monotonic_ns + std::uint64_t{core.config.lease_ms} * kNsPerMs / 4;
    }
    expire(core);
    retry(core);
    bury_waiting(core);
    push_presence(core);
    take_census(core);
    copy_sparse(core);
    // What is delivered comes back as receipts, and those as records: the end would not come.
    const bool more_to_deliver = !core.stopping && deliver(core);
    accept_passed_on(core);
    emit_commit(core);
    // In the middle of a block the index of that block is not final yet.
    if (core.builder.empty()) checkpoint_if_due(core);
    flush_output(core);
    finish_stop(core);
    core.effects->push_back(WakeAt{next_wake(core, more_to_deliver)});
  }

  Core core;
  Batch scratch;
  std::uint64_t next_lease_check_ns = 0;
};

Hub::Hub(const HubConfig& config, State state, const HubStart& start, const Time& time,
         Effects& effects)
    : impl_(std::make_unique<Impl>(config, std::move(state), start)) {
  Core& core = impl_->core;
  core.now = time;
  core.effects = &effects;
  core.id_clock_ns = std::max(core.id_clock_ns + 1, time.wall_ns);
  core.last_checkpoint_ns = time.monotonic_ns;
  watch_wall_clock(core);
  plan_recovered_expiries(core);
  plan_recovered_retries(core);
  plan_recovered_burials(core);
  plan_recovered_presence(core);
  // An unfinished drop is finished; this also proves that the disk takes writes.
  for (const auto& [first, segment_state] : core.state.segments()) {
    if (segment_state == SegmentState::kDropping) effects.push_back(DropSegment{first});
  }
  for (const Sequence& first : start.cold_originals) effects.push_back(DropSegment{first, true});
  add_record(core, StartRecord{start.boot, time.wall_ns});
  for (const Sequence& first : start.unlisted) {
    add_record(core, SegmentRecord{first, SegmentState::kSealed});
  }
  for (const Sequence& base : start.chain_breaks) {
    core.audit("chain_break", "block=" + std::to_string(base.value));
  }
  for (const Gap& gap : start.gaps) {
    const bool folded = gap.last <= start.checkpointed;
    record_gap(core, gap, folded ? LostRecords::kFolded : LostRecords::kUnseen);
  }
  pass_lost_positions(core);
  impl_->finish_turn();
}

Hub::~Hub() = default;

void Hub::handle(const Time& time, std::span<const Event> events, Effects& effects) {
  Core& core = impl_->core;
  if (core.stopped) return;
  core.now = time;
  ++core.turn;
  core.effects = &effects;
  watch_wall_clock(core);
  // Ids never step back, whatever the wall clock does.
  core.id_clock_ns = std::max(core.id_clock_ns, time.wall_ns);
  for (const Event& event : events) {
    std::visit([&](const auto& typed) { impl_->take(typed); }, event);
  }
  impl_->finish_turn();
}

const State& Hub::state() const { return impl_->core.state; }

}  // namespace capstan
