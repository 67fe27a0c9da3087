// Who is on the hub, over a whole client.
#include "capstan/client/agent_info.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "fake_hub.h"

namespace capstan {
namespace {

using test::FakeHub;
using test::kPatienceMs;

TEST(AgentInfo, RegistersAnAgentWithAllThatItSays) {
  FakeHub hub;
  auto client = hub.open_client();
  ASSERT_TRUE(client.ok());
  AgentProfile profile;
  profile.passport = {0x80};
  profile.skill = "# how";
  const auto version = (*client)->register_agent("bob", profile, kPatienceMs);
  ASSERT_TRUE(version.ok());
  EXPECT_EQ(*version, 4U);
  EXPECT_EQ(hub.registered.text("name"), "bob");
  EXPECT_EQ(hub.registered.bytes("passport"), ByteBuffer{0x80});
  EXPECT_EQ(hub.registered.text("skill_md"), "# how");
  EXPECT_TRUE((*client)->unregister_agent("carol", kPatienceMs).ok());
  EXPECT_EQ(hub.registered.text("name"), "carol");
}

TEST(AgentInfo, DescribesOneAgentAndListsAllPagesAlsoEmptyOnes) {
  FakeHub hub;
  auto client = hub.open_client();
  ASSERT_TRUE(client.ok());
  const auto bob = (*client)->get_agent("bob", kPatienceMs);
  ASSERT_TRUE(bob.ok());
  EXPECT_EQ(bob->profile.skill, "# how");
  EXPECT_EQ(bob->presence, PresenceState::kOnline);
  EXPECT_EQ(bob->durability, Durability::kWritten);
  EXPECT_EQ((*client)->get_agent("nobody", kPatienceMs).error().code, ErrorCode::kNotFound);
  const auto agents = (*client)->list_agents({}, kPatienceMs);
  ASSERT_TRUE(agents.ok());
  ASSERT_EQ(agents->size(), 2U);
  EXPECT_EQ(agents->at(0).name, "alice");
  EXPECT_EQ(agents->at(1).name, "carol");
}

TEST(AgentInfo, HearsOfPresenceAgainAfterEachReconnect) {
  FakeHub hub;
  auto client = hub.open_client();
  ASSERT_TRUE(client.ok());
  std::mutex mutex;
  std::condition_variable changed;
  int heard = 0;
  (*client)->on_presence([&](const PresenceHeard& presence) {
    const std::lock_guard lock(mutex);
    if (presence.agents.at(0).name == "bob") ++heard;
    changed.notify_all();
  });
  const auto wait_for = [&](int times) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::milliseconds(kPatienceMs),
                            [&] { return heard >= times; });
  };
  EXPECT_TRUE(wait_for(1));
  hub.wire().cut({ErrorCode::kUnavailable, "cut"});
  EXPECT_TRUE(wait_for(2));
  (*client)->on_presence({});
  (*client)->close();
}

}  // namespace
}  // namespace capstan
