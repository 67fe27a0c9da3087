// Mail that is stored nowhere: it goes to a receiver that is there and has credit for it, or is
// refused. PROTOCOL.md §6.18.
#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "stages.h"

namespace capstan {

namespace {

/// So many numbers are settled before they are put on record, in one record when nothing else was
/// sent between them.
constexpr std::uint64_t kUnsavedNumbersMax = kSendWindowEnvelopesMax;

/// Nothing makes its clock durable, so it does not run ahead of the one that is: the next start
/// begins above that, and so above every id that was given out here.
EnvelopeId next_id(Core& core) {
  ++core.last_passed_on;
  return EnvelopeId::make(std::min(core.id_clock_ns, core.durable_ceiling_ns), kPassedOnShard,
                          core.last_passed_on);
}

}  // namespace

Session* open_receiver(const Core& core, AgentId agent) {
  Session* receiver = core.find_receiver(agent);
  if (receiver == nullptr || receiver->opens_with > core.released) return nullptr;
  return has_credit(*receiver) ? receiver : nullptr;
}

EnvelopeId pass_on(Core& core, Session& receiver, const AgentId& sender, const EnvelopeView& view) {
  const EnvelopeId id = next_id(core);
  core.passing_on.assign(view.bytes().begin(), view.bytes().end());
  stamp_envelope(core.passing_on.data(), id, core.now.wall_ns, mailbox_of(receiver.agent), sender);
  send_delivery(core, receiver, Position{}, 1, id, view.priority(), core.passing_on);
  return id;
}

void settle_number(Core& core, Session& session, std::uint64_t number) {
  session.unsaved_numbers.add(number, number);
  // A client life that the hub does not know after a crash loses all that it has under way: the
  // first number makes it known.
  const bool unknown = core.state.find_producer({session.agent, session.epoch}) == nullptr;
  if (unknown || session.unsaved_numbers.count() >= kUnsavedNumbersMax) {
    save_numbers(core, session);
  }
}

void save_numbers(Core& core, Session& session) {
  if (session.unsaved_numbers.empty()) return;
  const ProducerId producer{session.agent, session.epoch};
  for (const Interval& stretch : intervals_of(std::exchange(session.unsaved_numbers, {}))) {
    const std::uint64_t first = stretch.first.value;
    add_record(core, SkippedRecord{producer, first, stretch.last.value - first + 1});
  }
}

}  // namespace capstan
