// Dead letters: looking at them, and letting go of them. PROTOCOL.md §7.
#include <algorithm>
#include <queue>

#include "operation.h"

namespace capstan::operations {

namespace {

constexpr std::size_t kLettersPerPage = 500;
/// What one request lets go of: more would be a turn that others wait for.
constexpr std::size_t kDroppedPerRequestMax = 1000;

/// The rest of one agent's dead letters.
struct Letters {
  AgentId agent;
  std::deque<DeadLetter>::const_iterator next;
  std::deque<DeadLetter>::const_iterator end;
};

/// The one with the oldest record is on top.
struct YoungerFirst {
  bool operator()(const Letters& a, const Letters& b) const {
    return b.next->record < a.next->record;
  }
};
using OldestLetters = std::priority_queue<Letters, std::vector<Letters>, YoungerFirst>;

void add_letters(OldestLetters& all, AgentId agent, const std::deque<DeadLetter>& letters,
                 Sequence after) {
  const auto next = std::upper_bound(
      letters.begin(), letters.end(), after,
      [](Sequence sequence, const DeadLetter& letter) { return sequence < letter.record; });
  if (next != letters.end()) all.push({agent, next, letters.end()});
}

/// Letters outlive their agent, whose name may be another one's by now: then its id names it.
Result<AgentId> named_owner(const Core& core, const ParamMap& params) {
  const auto agent = named_agent(core, params);
  const auto id = AgentId::from_text(params.text("name").value_or(""));
  return !agent && id && core.state.find_retired(*id) != nullptr ? Result<AgentId>(*id) : agent;
}

std::string owner_name(const Core& core, AgentId agent) {
  const RetiredAgent* retired = core.state.find_retired(agent);
  return retired == nullptr ? name_of(core, agent) : retired->agent.name;
}

ParamMap show(const Core& core, AgentId agent, const DeadLetter& letter) {
  return ParamMap()
      .set("record", letter.record.value)
      .set("envelope_id", id_bytes(letter.id))
      .set("agent", owner_name(core, agent))
      .set("agent_id", id_bytes(agent))
      .set("removed", core.state.find_retired(agent) != nullptr)
      .set("sender", name_of(core, letter.sender))
      .set("sender_id", id_bytes(letter.sender))
      .set("attempts", std::uint64_t{letter.attempts})
      .set("died_at_ns", letter.died_at_ns)
      .set("bytes", std::uint64_t{letter.bytes})
      .set("lost", core.state.is_lost(letter.record))
      .set("reason", letter.reason);
}

}  // namespace

Answer dead_list(Core& core, Connection&, const Request&, const ParamMap& params) {
  const Sequence after{params.number("after").value_or(0)};
  OldestLetters all;
  if (params.values().count("name") != 0) {
    const auto agent = named_owner(core, params);
    if (!agent) return agent.error();
    if (const auto* letters = core.state.find_dead(*agent)) {
      add_letters(all, *agent, *letters, after);
    }
  } else {
    for (const auto& [agent, letters] : core.state.dead()) add_letters(all, agent, letters, after);
  }
  std::vector<ParamMap> page;
  while (!all.empty() && page.size() < kLettersPerPage) {
    Letters letters = all.top();
    all.pop();
    page.push_back(show(core, letters.agent, *letters.next));
    if (++letters.next != letters.end) all.push(letters);
  }
  return ParamMap().set("letters", std::move(page)).set("more", !all.empty());
}

Answer dead_drop(Core& core, Connection&, const Request&, const ParamMap& params) {
  const auto agent = named_owner(core, params);
  if (!agent) return agent.error();
  const auto record = params.number("record");
  if (!record && !params.flag("all").value_or(false)) {
    return Error{ErrorCode::kInvalidArgument,
                 "dead_drop needs the number 'record', or 'all' that is true"};
  }
  std::vector<Sequence> dropped;
  bool more = false;
  if (const auto* letters = core.state.find_dead(*agent)) {
    for (const DeadLetter& letter : *letters) {
      if (record && letter.record.value != *record) continue;
      more = dropped.size() == kDroppedPerRequestMax;
      if (more) break;
      dropped.push_back(letter.record);
    }
  }
  if (record && dropped.empty()) {
    return Error{ErrorCode::kNotFound, "'" + owner_name(core, *agent) + "' has no dead letter " +
                                           std::to_string(*record)};
  }
  for (const Sequence& letter : dropped) add_record(core, DeadDroppedRecord{*agent, letter});
  return ParamMap().set("dropped", std::uint64_t{dropped.size()}).set("more", more);
}

}  // namespace capstan::operations
