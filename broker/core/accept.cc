// Stage 7: the commit is durable; whoever waited for it hears so. Whoever waits for no sync hears
// so as soon as the operating system has it.
#include <algorithm>
#include <utility>

#include "stages.h"

namespace capstan {

namespace {

/// What is passed on is accepted at once, so the commit budget alone would never hold its sender
/// back: it would run beyond the receiver's credit, and have to send again what is refused there.
SendWindow window_after(const Core& core, const AcceptRun& run) {
  if (run.passed_on_to.is_zero()) return core.window;
  const Session* receiver = core.find_receiver(run.passed_on_to);
  if (receiver == nullptr) return core.window;
  const SendWindow room = room_of(*receiver);
  return {std::min(core.window.envelopes, room.envelopes), std::min(core.window.bytes, room.bytes)};
}

void release_accepts(Core& core, const std::vector<AcceptRun>& accepts) {
  for (const AcceptRun& run : accepts) {
    core.counters.accepted += run.accept.count;
    Session* session = core.find_session(run.connection, run.accept.session);
    // The id may have been bound anew, to another agent or epoch: these are not its numbers.
    if (session == nullptr || run.producer != ProducerId{session->agent, session->epoch}) continue;
    session->unaccepted.envelopes -= std::min(session->unaccepted.envelopes, run.accept.count);
    session->unaccepted.bytes -= std::min(session->unaccepted.bytes, run.bytes);
    Accept accept = run.accept;
    accept.window = window_after(core, run);
    core.output(*session->connection).write(accept);
    core.flush_if_large(*session->connection);
  }
}

void release_replies(Core& core, CommitConsequences& done) {
  for (auto& [connection_id, writer] : done.replies) {
    Connection* connection = core.find_connection(connection_id);
    if (connection == nullptr) continue;
    core.flush_if_large(*connection);
    connection->waiting_answers_bytes -= writer.size();
    core.output(*connection).append_body(writer.take());
  }
}

/// A power cut now must not make the next start give out the same ids or positions again.
bool may_leave_unsynced(const Core& core, const CommitConsequences& done) {
  return done.id_clock_ns <= core.durable_ceiling_ns &&
         done.last.value - core.committed.value <= core.config.written_ahead_records;
}

/// In the order of commits: the first that has to wait holds back those after it.
void release_written(Core& core) {
  for (CommitConsequences& done : core.in_flight) {
    if (done.number > core.handed_over || !may_leave_unsynced(core, done)) return;
    if (std::exchange(done.written, true)) continue;
    core.written = done.last;
    release_accepts(core, done.written_accepts);
    for (const AgentId& agent : done.touched) {
      Session* receiver = core.find_receiver(agent);
      if (receiver != nullptr && receiver->inbox->durability == Durability::kWritten) {
        mark_ready(core, *receiver);
      }
    }
  }
}

void release(Core& core, CommitConsequences& done) {
  core.committed = done.last;
  core.written = std::max(core.written, done.last);
  core.durable_ceiling_ns = done.id_time_ceiling_ns;
  release_accepts(core, done.accepts);
  if (!done.written) release_accepts(core, done.written_accepts);
  release_replies(core, done);
  for (SharedBlock& block : done.blocks) core.cache.add(std::move(block));
  core.released = done.number;
  for (const auto& [inbox, floor] : done.settled_floors) inbox->durable_floor = floor;
  for (const AgentId& agent : done.touched) {
    Session* receiver = core.find_receiver(agent);
    if (receiver != nullptr) mark_ready(core, *receiver);
  }
  for (AdmitKey& admission : done.admissions) core.effects->push_back(std::move(admission));
  for (ForgetWithdrawal& done_with : done.withdrawals) {
    core.effects->push_back(std::move(done_with));
  }
  for (const auto& [to, notice] : done.notices) pass_on_notice(core, to, notice);
  for (const DropSegment& drop : done.drops) core.effects->push_back(drop);
  if (done.checkpoint) core.effects->push_back(WriteCheckpoint{*std::move(done.checkpoint)});
}

/// The answer to the attach comes before anything else that the session hears.
bool waits_for_attach(Core& core, const AcceptRun& run) {
  const Session* session = core.find_session(run.connection, run.accept.session);
  return session != nullptr && session->opens_with > core.released;
}

}  // namespace

void accept_passed_on(Core& core) {
  if (core.passed_on.empty()) return;
  std::vector<AcceptRun> waiting;
  std::vector<AcceptRun> leaving;
  for (const AcceptRun& run : core.passed_on) {
    (waits_for_attach(core, run) ? waiting : leaving).push_back(run);
  }
  release_accepts(core, leaving);
  core.passed_on = std::move(waiting);
}

void accept(Core& core, CommitNumber number) {
  while (!core.in_flight.empty() && core.in_flight.front().number <= number) {
    CommitConsequences done = std::move(core.in_flight.front());
    core.in_flight.pop_front();
    release(core, done);
  }
  release_written(core);
}

void take_written(Core& core, CommitNumber number) {
  core.handed_over = std::max(core.handed_over, number);
  release_written(core);
}

}  // namespace capstan
