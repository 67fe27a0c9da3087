#include "needed.h"

#include <algorithm>

namespace capstan {

namespace {

/// What a dead letter takes beside its envelope and its reason. FORMAT.md §4.
constexpr std::uint64_t kDeadRecordBytes = 62;

/// The entry that a walk goes on with: that of its key, or the first one behind it.
template <typename Map, typename Key>
typename Map::const_iterator entry_at(const Map& map, const Key& key, bool passed) {
  return passed ? map.upper_bound(key) : map.lower_bound(key);
}

}  // namespace

bool NeededWalk::step(const State& state, Sequence begin, Sequence end, std::size_t budget,
                      const Take& take) {
  begin_ = begin;
  end_ = end;
  budget_ = budget;
  if (stage_ == Stage::kAgents) step_agents(state, take);
  if (stage_ == Stage::kRetired) step_retired(state, take);
  if (stage_ == Stage::kDead) step_dead(state, take);
  return stage_ == Stage::kOver;
}

bool NeededWalk::spend() {
  if (budget_ == 0) return false;
  --budget_;
  return true;
}

void NeededWalk::enter(Stage stage) {
  stage_ = stage;
  agent_ = {};
  passed_ = false;
  lane_ = 0;
  position_ = Position{1};
  letter_ = {};
}

void NeededWalk::step_agents(const State& state, const Take& take) {
  while (spend()) {
    const auto at = entry_at(state.agents_by_name(), name_, passed_);
    if (at == state.agents_by_name().end()) return enter(Stage::kRetired);
    if (at->first != name_) {
      enter(Stage::kAgents);
      name_ = at->first;
    }
    walk_mailbox(state, at->second, take);
  }
}

void NeededWalk::step_retired(const State& state, const Take& take) {
  while (spend()) {
    const auto at = entry_at(state.retired(), agent_, passed_);
    if (at == state.retired().end()) return enter(Stage::kDead);
    if (at->first != agent_) {
      enter(Stage::kRetired);
      agent_ = at->first;
    }
    walk_mailbox(state, agent_, take);
  }
}

void NeededWalk::step_dead(const State& state, const Take& take) {
  while (spend()) {
    const auto at = entry_at(state.dead(), agent_, passed_);
    if (at == state.dead().end()) return enter(Stage::kOver);
    if (at->first != agent_) {
      enter(Stage::kDead);
      agent_ = at->first;
    }
    auto letter = std::upper_bound(
        at->second.begin(), at->second.end(), letter_,
        [](Sequence sequence, const DeadLetter& other) { return sequence < other.record; });
    for (; letter != at->second.end() && letter->block < end_; ++letter) {
      if (!spend()) return;
      letter_ = letter->record;
      if (letter->block < begin_ || state.is_lost(letter->record)) continue;
      take({agent_, letter->block, 1, kDeadRecordBytes + letter->bytes + letter->reason.size()});
    }
    passed_ = true;
  }
}

void NeededWalk::walk_mailbox(const State& state, AgentId agent, const Take& take) {
  const auto found = state.mailboxes().find(mailbox_of(agent));
  if (found == state.mailboxes().end() || found->second.pending() == 0) {
    passed_ = true;
    return;
  }
  const Mailbox& mailbox = found->second;
  const std::uint64_t average_bytes = mailbox.pending_bytes / mailbox.pending() + 1;
  for (; lane_ < kPriorityCount; ++lane_, position_ = Position{1}) {
    const MailRuns& runs = mailbox.lanes[lane_];
    for (auto at = runs.from(position_); at != runs.end() && at->block < end_; ++at) {
      position_ = at->first;
      if (!spend()) return;
      if (at->block < begin_) continue;
      const std::uint64_t waiting = mailbox.settled.missing(at->first.value, at->last().value);
      if (waiting > 0) take({agent, at->block, waiting, waiting * average_bytes});
    }
  }
  passed_ = true;
}

}  // namespace capstan
