// What of the WAL is still needed, and by whom: a walk over the block index of all mailboxes and
// over all dead letters, a bounded stretch at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "capstan/core/state.h"

namespace capstan {

/// The budget of a step in one turn: runs, mailboxes and letters that it looks at.
inline constexpr std::size_t kRunsPerTurnMax = 16'384;

/// Records of one agent that are needed in one block.
struct NeededInBlock {
  AgentId agent;
  Sequence block;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< As far as the mailbox knows: its average times `records`.
};

/// Where a walk stands. The state may change between its steps: what is settled meanwhile may be
/// named or not, and what is stored meanwhile stands in later blocks than the walk is asked for.
class NeededWalk {
 public:
  using Take = std::function<void(const NeededInBlock&)>;

  /// Goes on for `budget` runs, mailboxes and letters, and names what stands in blocks from `begin`
  /// on and before `end`. True when it is over.
  [[nodiscard]] bool step(const State& state, Sequence begin, Sequence end, std::size_t budget,
                          const Take& take);
  /// What is named now are dead letters.
  [[nodiscard]] bool among_dead() const { return stage_ == Stage::kDead; }

 private:
  // In this order: the mail of an agent that is removed meanwhile is met once, at least.
  enum class Stage : std::uint8_t { kAgents, kRetired, kDead, kOver };

  void step_agents(const State& state, const Take& take);
  void step_retired(const State& state, const Take& take);
  void step_dead(const State& state, const Take& take);
  void enter(Stage stage);
  void walk_mailbox(const State& state, AgentId agent, const Take& take);
  [[nodiscard]] bool spend();

  Sequence begin_;
  Sequence end_;
  std::size_t budget_ = 0;

  Stage stage_ = Stage::kAgents;
  std::string name_;      ///< In kAgents: the agent at hand.
  AgentId agent_;         ///< In the other stages.
  bool passed_ = false;   ///< With that agent the walk is done.
  std::size_t lane_ = 0;  ///< Where it stands in the mailbox.
  Position position_{1};
  Sequence letter_;  ///< Where it stands among the dead letters.
};

}  // namespace capstan
