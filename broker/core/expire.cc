// Mail whose ttl_seconds has passed leaves its inbox, and the sender is told. PROTOCOL.md §6.12.
#include <algorithm>
#include <cstdlib>

#include "capstan/codec/envelope.h"
#include "lanes.h"
#include "stages.h"

namespace capstan {

namespace {

constexpr std::int64_t kWallStepNs = 60 * static_cast<std::int64_t>(kNsPerSecond);
constexpr std::uint64_t kPauseAfterStepNs = 60 * kNsPerSecond;
/// Mail that is at a receiver is not taken away from it; it is looked at again so much later.
constexpr std::uint64_t kInFlightRecheckS = 5;
/// Envelopes that one turn lets expire before the core looks at its other events again.
constexpr std::size_t kExpiredPerTurnMax = 4096;

std::uint64_t now_s(const Core& core) { return core.now.wall_ns / kNsPerSecond; }

std::uint32_t expiry_in(const Inbox& inbox, const MailRun& run) {
  const auto checked = inbox.expiry_checked.find(run.block);
  return checked == inbox.expiry_checked.end() ? run.expires_s : checked->second;
}

bool is_due(const Core& core, const Inbox& inbox, const MailRun& run) {
  const std::uint32_t second = expiry_in(inbox, run);
  return second != 0 && second <= now_s(core) && run.block <= core.committed;
}

/// Positions that a receiver holds, ascending. There may be very many: sorted once for all blocks.
std::vector<Position> positions_in_flight(const Inbox& inbox) {
  std::vector<Position> positions;
  if (inbox.receiver == nullptr) return positions;
  for (const InFlight& delivery : inbox.receiver->in_flight) {
    if (!delivery.over) positions.push_back(delivery.position);
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

/// Takes what has expired out of one block, and notes when to look into it again.
std::size_t expire_block(Core& core, Inbox& inbox, const Block& block,
                         const std::vector<Position>& in_flight) {
  const ChannelId channel = mailbox_of(inbox.agent);
  Expired expired;
  std::size_t count = 0;
  std::uint64_t next_s = 0;
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->type != RecordType::kEnvelope) continue;
    const auto envelope = decode_envelope_record(*record);
    if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) continue;
    if (stamped_channel(envelope->envelope) != channel) continue;
    const auto view = parse_envelope(envelope->envelope);
    if (!view || !view->ttl_seconds() || is_settled(inbox, envelope->position)) continue;
    std::uint64_t second = expiry_of(view->created_at_ns(), view->ttl_seconds());
    if (second <= now_s(core)) {
      if (!std::binary_search(in_flight.begin(), in_flight.end(), envelope->position)) {
        add_expired(expired, envelope->position, envelope->envelope);
        ++count;
        continue;
      }
      second = now_s(core) + kInFlightRecheckS;
    }
    next_s = next_s == 0 ? second : std::min(next_s, second);
  }
  inbox.expiry_checked[block.base] = static_cast<std::uint32_t>(next_s);
  settle_expired(core, inbox, expired);
  return count;
}

/// Gathers the blocks with something due, and returns when the first of the others is; 0: never.
std::uint64_t find_work(const Core& core, Inbox& inbox) {
  std::set<Sequence> due;
  std::set<Sequence> known;
  std::uint64_t next_s = 0;
  for (const MailRuns& lane : inbox.mailbox->lanes) {
    for (auto at = lane.begin(); at != lane.end();) {
      const MailRun run = *at;
      // One that is settled as a whole waits in the index for those before it.
      if (is_settled(*inbox.mailbox, run)) {
        at = lane.from(behind_settled(*inbox.mailbox, run));
        continue;
      }
      ++at;
      const std::uint32_t second = expiry_in(inbox, run);
      if (inbox.expiry_checked.count(run.block) != 0) known.insert(run.block);
      if (second == 0) continue;
      if (is_due(core, inbox, run)) {
        due.insert(run.block);
        continue;
      }
      // One that is due and not on disk yet waits for its commit.
      const std::uint64_t then_s = std::max<std::uint64_t>(second, now_s(core) + 1);
      next_s = next_s == 0 ? then_s : std::min(next_s, then_s);
    }
  }
  std::erase_if(inbox.expiry_checked,
                [&](const auto& checked) { return known.count(checked.first) == 0; });
  inbox.expiry_work.assign(due.begin(), due.end());
  return next_s;
}

/// Something in the block still waits. Mail may have been settled since the work was gathered, and
/// its block lost or dropped: to read it then would find a gap where nothing is missing.
bool holds_waiting(const Inbox& inbox, Sequence base) {
  const auto& lanes = inbox.mailbox->lanes;
  return std::any_of(lanes.begin(), lanes.end(), [&](const MailRuns& lane) {
    const auto run = lane.from(base);
    return run != lane.end() && run->block == base && !is_settled(*inbox.mailbox, *run);
  });
}

/// Looks through one inbox; what is not in memory is read first, one block at a time. The index is
/// searched again only when everything that was found is done.
void expire_inbox(Core& core, Inbox& inbox, std::size_t& budget) {
  if (inbox.expiry_reading) return;  // The read's end plans the next look.
  if (inbox.expiry_work.empty()) {
    const std::uint64_t next_s = find_work(core, inbox);
    if (inbox.expiry_work.empty()) return plan_expiry(core, inbox, next_s);
  }
  std::optional<std::vector<Position>> in_flight;
  while (!inbox.expiry_work.empty()) {
    if (budget == 0) return plan_expiry(core, inbox, now_s(core));
    const Sequence base = inbox.expiry_work.front();
    if (!holds_waiting(inbox, base)) {
      inbox.expiry_work.pop_front();
      continue;
    }
    const SharedBlock block = core.cache.find(base);
    if (block == nullptr && reads_are_full(core)) return plan_expiry(core, inbox, now_s(core) + 1);
    inbox.expiry_work.pop_front();
    if (block == nullptr) {
      inbox.expiry_reading = true;
      return request_blocks(core, inbox.agent, ReadPurpose::kExpire, {base});
    }
    // Nothing leaves or comes back meanwhile: notices are stored, or wait for a commit.
    if (!in_flight) in_flight = positions_in_flight(inbox);
    budget -= std::min(budget, expire_block(core, inbox, *block, *in_flight) + 1);
  }
  plan_expiry(core, inbox, now_s(core));
}

}  // namespace

void forget_expiry(Core& core, Inbox& inbox) {
  core.expiries.erase({inbox.expiry_due_s, inbox.agent});
}

void watch_wall_clock(Core& core) {
  const auto offset = static_cast<std::int64_t>(core.now.wall_ns - core.now.monotonic_ns);
  // Compared with the last look: a clock that is slewed never adds up to a step.
  const std::int64_t step_ns = offset - core.wall_offset_ns.value_or(offset);
  core.wall_offset_ns = offset;
  if (std::abs(step_ns) <= kWallStepNs) return;
  core.expiry_resumes_ns = core.now.monotonic_ns + kPauseAfterStepNs;
  core.audit("wall_clock_step", "seconds=" + std::to_string(step_ns / 1'000'000'000));
}

bool expiry_is_paused(const Core& core) { return core.now.monotonic_ns < core.expiry_resumes_ns; }

void plan_expiry(Core& core, Inbox& inbox, std::uint64_t second) {
  if (second == 0 || (inbox.expiry_due_s != 0 && inbox.expiry_due_s <= second)) return;
  if (inbox.expiry_due_s != 0) core.expiries.erase({inbox.expiry_due_s, inbox.agent});
  inbox.expiry_due_s = second;
  core.expiries.emplace(second, inbox.agent);
}

void plan_recovered_expiries(Core& core) {
  for (const auto& [channel, mailbox] : core.state.mailboxes()) {
    std::uint64_t earliest = 0;
    for (const MailRuns& lane : mailbox.lanes) {
      for (const MailRun& run : lane) {
        if (run.expires_s == 0) continue;
        earliest = earliest == 0 ? run.expires_s : std::min<std::uint64_t>(earliest, run.expires_s);
      }
    }
    Inbox* inbox = core.find_inbox(owner_of_mailbox(channel));
    if (earliest != 0 && inbox != nullptr) plan_expiry(core, *inbox, earliest);
  }
}

bool may_hold_expired(const Core& core, const MailRun& run) {
  return run.expires_s != 0 && run.expires_s <= now_s(core);
}

bool is_expired(const Core& core, Bytes envelope) {
  if (expiry_is_paused(core)) return false;
  const auto view = parse_envelope(envelope);
  if (!view) return false;
  const std::uint32_t second = expiry_of(view->created_at_ns(), view->ttl_seconds());
  return second != 0 && second <= now_s(core);
}

void add_expired(Expired& expired, Position position, Bytes envelope) {
  expired.intervals.push_back({position, position});
  expired.bytes += envelope.size();
  expired.by_sender[stamped_sender(envelope)].push_back(stamped_id(envelope));
}

void settle_expired(Core& core, Inbox& inbox, const Expired& expired) {
  if (expired.intervals.empty()) return;
  core.counters.expired += expired.intervals.size();
  SettledRecord record;
  record.agent = inbox.agent;
  record.channel = mailbox_of(inbox.agent);
  record.why = SettledWhy::kExpired;
  record.bytes = expired.bytes;
  record.intervals = expired.intervals;
  add_record(core, record);
  core.building.settled_floors.emplace_back(&inbox, Position{inbox.mailbox->settled.floor()});
  for (const auto& [sender, ids] : expired.by_sender) {
    notify_sender(core, sender, record.channel, "capstan.delivery.expired", ids, "ttl_seconds");
  }
}

std::optional<std::uint64_t> next_expiry_ns(const Core& core) {
  if (core.expiries.empty() || core.stopping) return std::nullopt;
  const std::uint64_t due_ns = core.expiries.begin()->first * kNsPerSecond;
  const std::uint64_t wait_ns = due_ns > core.now.wall_ns ? due_ns - core.now.wall_ns : 0;
  return std::max(core.now.monotonic_ns + wait_ns, core.expiry_resumes_ns);
}

void expire(Core& core) {
  if (core.stopping || expiry_is_paused(core)) return;
  std::size_t budget = kExpiredPerTurnMax;
  while (budget > 0 && !core.expiries.empty() && core.expiries.begin()->first <= now_s(core)) {
    Inbox& inbox = core.inbox_of(core.expiries.begin()->second);
    core.expiries.erase(core.expiries.begin());
    inbox.expiry_due_s = 0;
    --budget;
    expire_inbox(core, inbox, budget);
  }
}

void take_expiry_read(Core& core, AgentId agent, Sequence base, const ReadDone& done) {
  Inbox* known = core.find_inbox(agent);
  if (known == nullptr) return;  // Removed meanwhile: its mail is buried, old or not.
  Inbox& inbox = *known;
  inbox.expiry_reading = false;
  if (done.error && done.error->code == ErrorCode::kIo) {
    return plan_expiry(core, inbox, now_s(core) + 1);
  }
  // One that was settled and dropped while it waited for its turn is not found, and not missed.
  const bool missing = done.error && done.error->code == ErrorCode::kNotFound;
  if (done.error && (!missing || holds_waiting(inbox, base))) {
    record_gap(core, done.lost.value_or(Gap{base, base}));
  }
  if (!core.stopping && !expiry_is_paused(core)) {
    const std::vector<Position> in_flight = positions_in_flight(inbox);
    for (const SharedBlock& block : done.blocks) {
      (void)expire_block(core, inbox, *block, in_flight);
    }
  }
  plan_expiry(core, inbox, now_s(core));
}

}  // namespace capstan
