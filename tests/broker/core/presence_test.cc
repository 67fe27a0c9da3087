// The board of who is there.
#include "presence.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

AgentId id(std::uint64_t n) {
  AgentId agent;
  std::memcpy(agent.bytes.data(), &n, sizeof n);
  return agent;
}

AgentPresence being(std::uint64_t n, PresenceState state) {
  return {id(n), "agent" + std::to_string(n), state, 7};
}

std::vector<std::string> names(const Presence& presence) {
  std::vector<std::string> names;
  for (const AgentPresence& agent : presence.agents) names.push_back(agent.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(PresenceBoard, TellsOfNobodyAtFirst) {
  const PresenceBoard board;
  EXPECT_EQ(board.version(), 0U);
  EXPECT_EQ(board.find(id(1)), nullptr);
  EXPECT_EQ(board.after(0, 10), (Presence{true, 0, false, {}}));
}

TEST(PresenceBoard, AnAgentStandsInItOnceUnderItsNewestChange) {
  PresenceBoard board;
  board.set(being(1, PresenceState::kOffline));
  board.set(being(2, PresenceState::kOffline));
  board.set(being(1, PresenceState::kOnline));
  EXPECT_EQ(board.version(), 3U);
  const Presence all = board.after(0, 10);
  EXPECT_EQ(names(all), (Names{"agent2", "agent1"})) << "in the order of the changes";
  EXPECT_EQ(all.agents[1].state, PresenceState::kOnline);
  EXPECT_EQ(all.version, 3U);
  EXPECT_TRUE(all.snapshot);
  EXPECT_EQ(names(board.after(2, 10)), Names{"agent1"});
  EXPECT_FALSE(board.after(2, 10).snapshot);
  EXPECT_TRUE(board.after(3, 10).agents.empty());
}

TEST(PresenceBoard, TheSameStateAgainIsNoChange) {
  PresenceBoard board;
  board.set(being(1, PresenceState::kOnline));
  AgentPresence later = being(1, PresenceState::kOnline);
  later.since_ns = 8;
  board.set(later);
  EXPECT_EQ(board.version(), 1U);
  EXPECT_EQ(board.find(id(1))->since_ns, 7U) << "it has been so since then";
}

TEST(PresenceBoard, ManyAreToldInParts) {
  PresenceBoard board;
  for (std::uint64_t n = 1; n <= 5; ++n) board.set(being(n, PresenceState::kOffline));
  const Presence first = board.after(0, 2);
  EXPECT_EQ(names(first), (Names{"agent1", "agent2"}));
  EXPECT_TRUE(first.more);
  const Presence second = board.after(first.version, 3);
  EXPECT_EQ(names(second), (Names{"agent3", "agent4", "agent5"}));
  EXPECT_FALSE(second.more);
  EXPECT_EQ(second.version, board.version());
}

TEST(PresenceBoard, OfTooManyRemovedTheOldestAreForgottenAndWhoMissedThemBeginsAnew) {
  PresenceBoard board;
  board.set(being(0, PresenceState::kOnline));
  for (std::uint64_t n = 1; n <= kRemovedPresencesMax; ++n) {
    board.set(being(n, PresenceState::kRemoved));
  }
  EXPECT_TRUE(board.reaches_back_to(0));
  EXPECT_TRUE(board.reaches_back_to(board.version()));
  EXPECT_FALSE(board.reaches_back_to(board.version() + 1)) << "of another life of the hub";
  board.set(being(9'999'999, PresenceState::kRemoved));
  EXPECT_EQ(board.find(id(1)), nullptr);
  EXPECT_NE(board.find(id(2)), nullptr);
  EXPECT_NE(board.find(id(0)), nullptr) << "who is there is never forgotten";
  EXPECT_FALSE(board.reaches_back_to(1));
  EXPECT_TRUE(board.reaches_back_to(2));
}

}  // namespace
}  // namespace capstan
