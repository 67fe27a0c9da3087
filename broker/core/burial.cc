// The waiting mail of removed agents becomes dead letters, and its senders are told.
// PROTOCOL.md §6.15.
#include <algorithm>

#include "capstan/codec/envelope.h"
#include "stages.h"

namespace capstan {

namespace {

constexpr const char* kReason = "agent removed";
/// Blocks that are buried before the commit with it is durable: burials never crowd out other work.
constexpr std::uint64_t kBuriedBytesMax = 1024 * 1024;

const Mailbox* waiting_mail(Core& core, AgentId agent) {
  return core.state.find_mailbox(mailbox_of(agent));
}

/// Of all priorities the block with the oldest waiting mail.
std::optional<Sequence> oldest_block(const Mailbox& mailbox) {
  std::optional<Sequence> oldest;
  for (const MailRuns& lane : mailbox.lanes) {
    if (!lane.empty()) oldest = std::min(oldest.value_or(lane.front().block), lane.front().block);
  }
  return oldest;
}

/// All that the index expects in the block: also what the block does not hold is not waited for.
std::vector<Interval> positions_in(const Mailbox& mailbox, Sequence block) {
  std::vector<Interval> positions;
  for (const MailRuns& lane : mailbox.lanes) {
    const auto run = lane.from(block);
    if (run != lane.end() && run->block == block) positions.push_back({run->first, run->last()});
  }
  return positions;
}

void add_dead_letter(Core& core, AgentId agent, const Mailbox& mailbox,
                     const EnvelopeRecord& envelope) {
  DeadRecord dead;
  dead.agent = agent;
  dead.channel = mailbox_of(agent);
  dead.position = envelope.position;
  const auto retry = mailbox.retries.find(envelope.position);
  if (retry != mailbox.retries.end()) dead.attempts = retry->second.attempts;
  dead.died_at_ns = core.now.wall_ns;
  dead.reason = kReason;
  dead.envelope = envelope.envelope;
  add_record(core, dead);
}

/// Records for all that waits in one block. The mailbox may be gone afterwards.
void bury_block(Core& core, AgentId agent, const Block& block) {
  const Mailbox& mailbox = *waiting_mail(core, agent);
  std::uint64_t left = mailbox.pending();
  SettledRecord settled;
  settled.agent = agent;
  settled.channel = mailbox_of(agent);
  settled.why = SettledWhy::kDead;
  settled.intervals = positions_in(mailbox, block.base);
  std::map<AgentId, std::vector<EnvelopeId>> by_sender;
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->type != RecordType::kEnvelope) continue;
    const auto envelope = decode_envelope_record(*record);
    if (!envelope || envelope->envelope.size() < kEnvelopeHeadBytes) continue;
    if (stamped_channel(envelope->envelope) != settled.channel) continue;
    if (mailbox.settled.contains(envelope->position.value)) continue;
    // Of so many the newest are kept: copies of older ones would only be dropped again.
    if (left <= kDeadLettersPerAgentMax) add_dead_letter(core, agent, mailbox, *envelope);
    if (left > 0) --left;
    ++core.counters.dead;
    settled.bytes += envelope->envelope.size();
    by_sender[stamped_sender(envelope->envelope)].push_back(stamped_id(envelope->envelope));
  }
  add_record(core, settled);
  core.buried_in = core.next_commit;
  core.buried_bytes += block.records.size();
  for (const auto& [sender, ids] : by_sender) {
    notify_sender(core, sender, settled.channel, "capstan.delivery.dead", ids, kReason);
  }
}

/// Nothing says where it stands: it is lost.
void settle_rest(Core& core, AgentId agent, const Mailbox& mailbox) {
  SettledRecord settled;
  settled.agent = agent;
  settled.channel = mailbox_of(agent);
  settled.why = SettledWhy::kGap;
  settled.intervals = {{Position{1}, Position{mailbox.next.value - 1}}};
  add_record(core, settled);
}

bool has_budget(Core& core) {
  if (core.released >= core.buried_in) core.buried_bytes = 0;
  return core.buried_bytes < kBuriedBytesMax;
}

void bury_agent(Core& core, AgentId agent, Burial& burial) {
  while (const Mailbox* mailbox = waiting_mail(core, agent)) {
    if (burial.reading || core.now.monotonic_ns < burial.not_before_ns) return;
    const auto oldest = oldest_block(*mailbox);
    if (!oldest) return settle_rest(core, agent, *mailbox);
    // What is not on disk yet waits for its commit.
    if (*oldest > core.committed || !has_budget(core)) return;
    if (const SharedBlock block = core.cache.find(*oldest)) {
      bury_block(core, agent, *block);
      continue;
    }
    if (reads_are_full(core)) return;
    burial.reading = true;
    request_blocks(core, agent, ReadPurpose::kBury, {*oldest});
  }
}

bool may_bury(const Core& core) {
  // Copies take room first, and give it back later.
  return !core.stopping && !(core.disk && core.disk->state == DiskState::kFull);
}

}  // namespace

void plan_recovered_burials(Core& core) {
  for (const auto& entry : core.state.retired()) core.burials.try_emplace(entry.first);
}

void bury_waiting(Core& core) {
  if (!may_bury(core)) return;
  for (auto& [agent, burial] : core.burials) bury_agent(core, agent, burial);
  std::erase_if(core.burials, [&](const auto& burial) {
    const bool over = waiting_mail(core, burial.first) == nullptr;
    if (over) core.audit("agent_buried", "agent=" + burial.first.hex());
    return over;
  });
}

std::optional<std::uint64_t> next_burial_ns(const Core& core) {
  std::optional<std::uint64_t> next_ns;
  for (const auto& [agent, burial] : core.burials) {
    if (burial.not_before_ns <= core.now.monotonic_ns) continue;
    next_ns = std::min(next_ns.value_or(burial.not_before_ns), burial.not_before_ns);
  }
  return next_ns;
}

void take_burial_read(Core& core, AgentId agent, Sequence base, const ReadDone& done) {
  const auto burial = core.burials.find(agent);
  if (burial == core.burials.end()) return;
  burial->second.reading = false;
  if (done.error && done.error->code != ErrorCode::kIo) {
    record_gap(core, done.lost.value_or(Gap{base, base}));
  } else if (done.error) {
    burial->second.not_before_ns = core.now.monotonic_ns + kReadRetryNs;
  } else if (may_bury(core) && waiting_mail(core, agent) != nullptr) {
    for (const SharedBlock& block : done.blocks) bury_block(core, agent, *block);
  }
}

}  // namespace capstan
