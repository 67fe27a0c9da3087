// Deliveries that have failed: they come again after a while, or become dead letters.
// PROTOCOL.md §6.13.
#include <algorithm>

#include "capstan/codec/envelope.h"
#include "lanes.h"
#include "stages.h"

namespace capstan {

namespace {

constexpr std::uint32_t kFirstDelayMs = 1000;
constexpr std::uint32_t kLongestDelayMs = 300'000;
/// The longest delay that a nack may ask for.
constexpr std::uint32_t kAskedDelayMsMax = 3'600'000;
constexpr std::uint64_t kDeadLetterAgeNs = 7 * 24 * 3600 * kNsPerSecond;
/// Dead letters that one turn lets go of.
constexpr std::size_t kDroppedPerTurnMax = 1000;

/// Doubles with every attempt, and is drawn from its upper half: agents that failed together do not
/// come back together.
std::uint32_t back_off_ms(Core& core, std::uint32_t attempts) {
  std::uint32_t delay_ms = kFirstDelayMs;
  for (std::uint32_t i = 1; i < attempts && delay_ms < kLongestDelayMs; ++i) delay_ms *= 2;
  delay_ms = std::min(delay_ms, kLongestDelayMs);
  return delay_ms / 2 + static_cast<std::uint32_t>(core.random.below(delay_ms / 2 + 1));
}

std::uint32_t failed_attempts(const Inbox& inbox, Position position) {
  const auto retry = inbox.mailbox->retries.find(position);
  return retry == inbox.mailbox->retries.end() ? 0 : retry->second.attempts;
}

void plan_retry(Core& core, Inbox& inbox, Position position, std::uint64_t due_ns) {
  inbox.retry_due.emplace(due_ns, position);
  core.retry_wakes.emplace(due_ns, inbox.agent);
}

void record_failure(Core& core, Inbox& inbox, Position position, Priority priority,
                    std::uint32_t delay_ms, std::string reason) {
  RetryRecord record;
  record.agent = inbox.agent;
  record.channel = mailbox_of(inbox.agent);
  record.position = position;
  record.priority = priority;
  record.attempts = failed_attempts(inbox, position) + 1;
  // Nobody waits for the last one: no receiver gets it any more.
  if (is_dead(core, record.attempts)) delay_ms = 0;
  record.failed_at_ns = core.now.wall_ns;
  record.delay_ms = delay_ms;
  record.reason = std::move(reason);
  add_record(core, record);
  plan_retry(core, inbox, position, core.now.monotonic_ns + std::uint64_t{delay_ms} * kNsPerMs);
}

void take_back_unanswered(Core& core, Session& session) {
  bool any = false;
  for (InFlight& delivery : session.in_flight) {
    if (delivery.over || delivery.give_back_ns == 0) continue;
    if (delivery.give_back_ns > core.now.monotonic_ns) continue;
    fail_delivery(core, session, delivery, 0, "ack_wait");
    any = true;
  }
  if (!any) return;
  forget_front(session);
  credit_freed(core, session);
}

/// What has become due is ordered by position from then on.
void move_due(Core& core, Inbox& inbox) {
  while (!inbox.retry_due.empty() && inbox.retry_due.begin()->first <= core.now.monotonic_ns) {
    const Position position = inbox.retry_due.begin()->second;
    inbox.retry_due.erase(inbox.retry_due.begin());
    const auto retry = inbox.mailbox->retries.find(position);
    if (retry == inbox.mailbox->retries.end()) continue;  // Settled meanwhile.
    inbox.retry_ready[static_cast<std::size_t>(retry->second.priority)].insert(position);
  }
}

}  // namespace

std::uint64_t give_back_at(const Core& core) {
  if (core.config.ack_wait_ms == 0) return 0;
  return core.now.monotonic_ns + std::uint64_t{core.config.ack_wait_ms} * kNsPerMs;
}

void fail_delivery(Core& core, Session& session, InFlight& delivery, std::uint32_t delay_ms,
                   std::string reason) {
  Inbox& inbox = *session.inbox;
  delivery.over = true;
  session.in_flight_bytes -= delivery.bytes;
  session.connection->unacknowledged_bytes -= delivery.bytes;
  if (inbox.durability == Durability::kMemory) return;  // Nobody has it to send it again.
  if (delay_ms == 0) delay_ms = back_off_ms(core, failed_attempts(inbox, delivery.position) + 1);
  record_failure(core, inbox, delivery.position, delivery.priority,
                 std::min(delay_ms, kAskedDelayMsMax), std::move(reason));
}

void note_lost_session(Session& session) {
  const auto oldest = std::find_if(session.in_flight.begin(), session.in_flight.end(),
                                   [](const InFlight& delivery) { return !delivery.over; });
  if (session.inbox == nullptr || oldest == session.in_flight.end()) return;
  if (session.inbox->durability == Durability::kMemory) return;
  session.inbox->lost = LostDelivery{session.epoch, oldest->position, oldest->priority};
}

void judge_lost_session(Core& core, Session& session) {
  Inbox& inbox = *session.inbox;
  const auto lost = std::exchange(inbox.lost, std::nullopt);
  if (!lost || (lost->epoch != 0 && lost->epoch == session.epoch)) return;
  if (is_settled(inbox, lost->position)) return;
  // It has a time of its own when it was in flight as a retry.
  take_from_due(inbox, lost->priority, lost->position);
  record_failure(core, inbox, lost->position, lost->priority, 0, "receiver lost");
}

void return_retries(Core& core, Session& session) {
  if (session.inbox == nullptr) return;
  for (const InFlight& delivery : session.in_flight) {
    if (delivery.over || failed_attempts(*session.inbox, delivery.position) == 0) continue;
    plan_retry(core, *session.inbox, delivery.position, core.now.monotonic_ns);
  }
  for (const Position& position : session.retries_left_out) {
    plan_retry(core, *session.inbox, position, core.now.monotonic_ns);
  }
}

bool has_only_retries(const Session& session) {
  return session.inbox->mailbox->retries.size() >=
         kRetriesPerInboxMax + session.retries_left_out.size();
}

std::optional<Position> next_retry(Core& core, Session& session) {
  Inbox& inbox = *session.inbox;
  move_due(core, inbox);
  for (std::size_t lane = kPriorityCount; lane-- > 0;) {
    std::set<Position>& ready = inbox.retry_ready[lane];
    while (!ready.empty()) {
      const Position position = *ready.begin();
      // Ahead of what the lane has come to, it waits for its place; unless nothing else may go.
      if (position >= session.lanes[lane].next && !has_only_retries(session)) break;
      if (inbox.mailbox->retries.count(position) != 0 && !is_settled(inbox, position) &&
          find_run(inbox, static_cast<Priority>(lane), position)) {
        return position;
      }
      ready.erase(ready.begin());
    }
  }
  return std::nullopt;
}

void take_from_due(Inbox& inbox, Priority priority, Position position) {
  if (inbox.retry_ready[static_cast<std::size_t>(priority)].erase(position) != 0) return;
  std::erase_if(inbox.retry_due, [&](const auto& due) { return due.second == position; });
}

bool is_dead(const Core& core, std::uint32_t attempts) {
  return attempts >= core.config.max_deliver;
}

void bury(Core& core, Inbox& inbox, Position position, const Retry& retry, Bytes envelope) {
  ++core.counters.dead;
  const std::string reason = retry.reason;
  DeadRecord dead;
  dead.agent = inbox.agent;
  dead.channel = mailbox_of(inbox.agent);
  dead.position = position;
  dead.attempts = retry.attempts;
  dead.died_at_ns = core.now.wall_ns;
  dead.reason = reason;
  dead.envelope = envelope;
  add_record(core, dead);
  SettledRecord settled;
  settled.agent = inbox.agent;
  settled.channel = dead.channel;
  settled.why = SettledWhy::kDead;
  settled.bytes = envelope.size();
  settled.intervals = {{position, position}};
  add_record(core, settled);
  core.building.settled_floors.emplace_back(&inbox, Position{inbox.mailbox->settled.floor()});
  core.audit("dead_letter", "agent=" + inbox.agent.hex() + " envelope=" +
                                stamped_id(envelope).hex() + " reason=" + quoted(reason));
  notify_sender(core, stamped_sender(envelope), dead.channel, "capstan.delivery.dead",
                {stamped_id(envelope)}, reason);
}

void plan_recovered_retries(Core& core) {
  for (const auto& [channel, mailbox] : core.state.mailboxes()) {
    if (mailbox.retries.empty()) continue;
    Inbox* inbox = core.find_inbox(owner_of_mailbox(channel));
    if (inbox == nullptr) continue;
    for (const auto& [position, retry] : mailbox.retries) {
      // Never longer than it was to be: the wall clock may have stepped back while nobody looked.
      const std::uint64_t delay_ns = std::uint64_t{retry.delay_ms} * kNsPerMs;
      const std::uint64_t due_ns = retry.failed_at_ns + delay_ns;
      const std::uint64_t wait_ns = due_ns > core.now.wall_ns ? due_ns - core.now.wall_ns : 0;
      plan_retry(core, *inbox, position, core.now.monotonic_ns + std::min(wait_ns, delay_ns));
    }
  }
}

std::optional<std::uint64_t> next_retry_ns(const Core& core) {
  std::optional<std::uint64_t> next_ns;
  if (core.config.ack_wait_ms != 0) next_ns = core.next_ack_check_ns;
  if (!core.retry_wakes.empty()) {
    const std::uint64_t wake_ns = core.retry_wakes.begin()->first;
    next_ns = std::min(next_ns.value_or(wake_ns), wake_ns);
  }
  return next_ns;
}

void retry(Core& core) {
  while (!core.retry_wakes.empty() && core.retry_wakes.begin()->first <= core.now.monotonic_ns) {
    const AgentId agent = core.retry_wakes.begin()->second;
    core.retry_wakes.erase(core.retry_wakes.begin());
    Session* receiver = core.find_receiver(agent);
    if (receiver != nullptr) mark_ready(core, *receiver);
  }
  if (core.config.ack_wait_ms == 0 || core.now.monotonic_ns < core.next_ack_check_ns) return;
  core.next_ack_check_ns =
      core.now.monotonic_ns + std::uint64_t{core.config.ack_wait_ms} * kNsPerMs / 4;
  for (const auto& entry : core.inboxes) {
    if (entry.second->receiver != nullptr) take_back_unanswered(core, *entry.second->receiver);
  }
}

void drop_old_dead_letters(Core& core) {
  // After a jump of the wall clock nobody can tell an age for a while.
  if (expiry_is_paused(core)) return;
  std::vector<DeadDroppedRecord> old;
  for (const auto& [agent, letters] : core.state.dead()) {
    for (const DeadLetter& letter : letters) {
      if (letter.died_at_ns + kDeadLetterAgeNs > core.now.wall_ns) break;
      if (old.size() == kDroppedPerTurnMax) break;
      old.push_back({agent, letter.record});
    }
  }
  for (const DeadDroppedRecord& record : old) add_record(core, record);
  if (!old.empty()) core.audit("dead_letters_too_old", "count=" + std::to_string(old.size()));
}

}  // namespace capstan
