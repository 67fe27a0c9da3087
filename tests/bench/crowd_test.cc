#include "crowd.h"

#include <gtest/gtest.h>

#include <set>

namespace capstan::bench {
namespace {

TEST(Crowd, EveryAgentHasOneKeyAndAnAdmissionHasRoomForItsNames) {
  std::set<std::string> agents;
  std::uint64_t index = 0;
  for (const KeyOfAgents& key : crowd_keys(2001)) {
    EXPECT_LE(key.agents.size(), kCrowdPerKey);
    for (const std::string& agent : key.agents) {
      EXPECT_EQ(agent, crowd_agent(index));
      EXPECT_EQ(key.name, crowd_key(index));
      agents.insert(agent);
      ++index;
    }
  }
  EXPECT_EQ(agents.size(), 2001U);
  EXPECT_TRUE(crowd_keys(0).empty());
}

TEST(Crowd, WithOneAgentAKeyNoKeyIsShared) {
  const auto keys = crowd_keys(3, 1);
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[2].name, crowd_key(2, 1));
  EXPECT_EQ(keys[2].agents, std::vector<std::string>{"crowd-00002"});
}

TEST(Crowd, SharesAddUpAndFollowTheTurns) {
  for (const std::uint64_t envelopes : {0U, 1U, 6U, 7U, 8U, 20U}) {
    std::vector<std::uint64_t> dealt(7, 0);
    for (std::uint64_t i = 0; i < envelopes; ++i) ++dealt[i % 7];
    for (std::uint64_t index = 0; index < 7; ++index)
      EXPECT_EQ(crowd_share(envelopes, 7, index), dealt[index]) << envelopes << " " << index;
  }
}

}  // namespace
}  // namespace capstan::bench
