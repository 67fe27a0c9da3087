// Lost sequences: their record, the mail that is settled by it, and who is told.
// FORMAT.md §8, PROTOCOL.md §6.14.
#include <algorithm>

#include "stages.h"

namespace capstan {

namespace {

/// What of one agent's waiting mail stood in the lost blocks.
struct LostMail {
  std::uint64_t envelopes = 0;
  Position first;
  Position last;
};

LostMail lost_mail(const Mailbox& mailbox, const SettledRecord& record) {
  LostMail lost;
  for (const Interval& interval : record.intervals) {
    for (Position position = interval.first; position <= interval.last; ++position) {
      if (mailbox.settled.contains(position.value)) continue;
      if (lost.envelopes++ == 0) lost.first = position;
      lost.last = position;
    }
  }
  return lost;
}

std::string text_of(const Gap& gap, const LostMail& lost, bool may_be_more) {
  std::string text = "the hub's disk has lost the journal's records " +
                     std::to_string(gap.first.value) + " to " + std::to_string(gap.last.value);
  if (lost.envelopes > 0) {
    text += "; with them " + std::to_string(lost.envelopes) +
            (lost.envelopes == 1 ? " envelope for you, at position "
                                 : " envelopes for you, at positions ") +
            std::to_string(lost.first.value);
    if (lost.envelopes > 1) text += " to " + std::to_string(lost.last.value);
  }
  if (may_be_more) {
    text += lost.envelopes > 0 ? "; whether there was more for you, nobody knows"
                               : "; whether mail for you was among them, nobody knows";
  }
  return text;
}

void tell_of_gap(Core& core, AgentId agent, const Gap& gap, const LostMail& lost,
                 bool may_be_more) {
  ParamMap data;
  const ChannelId channel = mailbox_of(agent);
  data.set("channel_id", ByteBuffer(channel.bytes.begin(), channel.bytes.end()))
      .set("first_sequence", gap.first.value)
      .set("last_sequence", gap.last.value)
      .set("envelopes", lost.envelopes)
      .set("may_be_more", may_be_more)
      .set("text", text_of(gap, lost, may_be_more));
  if (lost.envelopes > 0) {
    data.set("first_position", lost.first.value).set("last_position", lost.last.value);
  }
  // Also into an inbox that is full: what is lost has made room, of which nobody knows the octets.
  post_notice(core, agent, "capstan.gap", data);
}

/// Settles what stood in the gap. Only agents that lost something are named.
std::map<AgentId, LostMail> settle_lost(Core& core, const Gap& gap) {
  std::vector<SettledRecord> settled = core.state.settled_by_gap(gap);
  std::sort(settled.begin(), settled.end(),
            [](const SettledRecord& a, const SettledRecord& b) { return a.channel < b.channel; });
  std::map<AgentId, LostMail> by_agent;
  for (const SettledRecord& record : settled) {
    const LostMail lost = lost_mail(*core.state.find_mailbox(record.channel), record);
    if (lost.envelopes > 0) by_agent[record.agent] = lost;
    core.counters.lost += lost.envelopes;
    add_record(core, record);
  }
  return by_agent;
}

}  // namespace

void record_gap(Core& core, const Gap& gap, LostRecords records) {
  // What a receiver has acknowledged is not lost to it.
  settle_acknowledged(core);
  // Two reads can meet the same loss.
  const bool fresh = core.state.gaps().count(gap) == 0;
  if (fresh) add_record(core, gap);
  std::map<AgentId, LostMail> lost = settle_lost(core, gap);
  const bool unseen = fresh && records == LostRecords::kUnseen;
  if (unseen) {
    for (const auto& [name, agent] : core.state.agents_by_name()) lost.try_emplace(agent);
  }
  if (fresh) {
    core.audit("gap", "first=" + std::to_string(gap.first.value) +
                          " last=" + std::to_string(gap.last.value));
  }
  for (const auto& [agent, mail] : lost) {
    // A removed one hears nothing any more.
    if (core.state.find_agent(agent) == nullptr) continue;
    core.audit("gap_mail", "agent=" + agent.hex() + " first=" + std::to_string(gap.first.value) +
                               " envelopes=" + std::to_string(mail.envelopes));
    tell_of_gap(core, agent, gap, mail, unseen);
  }
}

}  // namespace capstan
