// Who keeps how much of the disk, as the last census has found it.
#include "traffic.h"

namespace capstan {
namespace {

using core_test::frequent_checkpoints;
using core_test::kSegmentBytes;
using core_test::Peer;
using core_test::Traffic;
using core_test::World;

HubConfig without_copies() {
  HubConfig config = frequent_checkpoints();
  config.cold_percent = 0;
  return config;
}

/// bob has heard all of his mail, which fills most of each segment; nobody else ever comes.
struct Forgotten : Traffic {
  explicit Forgotten(const std::vector<std::string>& agents) : Traffic(without_copies(), agents) {}

  void send_to(const std::string& agent) {
    world.send(alice, ++number, agent, "waits");
    world.commit();
  }
  /// From here on mail stands in another segment.
  void fill_segment() {
    post(8);
    heard_ += 8;
  }
  void count() {
    world.ack_up_to(bob, heard_);
    world.pass_ms(60);
    world.commit();
    pass_checkpoint();
  }

 private:
  std::uint64_t heard_ = 0;
};

std::vector<ParamMap> pinned(World& world) {
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  const auto status = decode_params(world.request(admin, "status").result);
  EXPECT_TRUE(status.ok());
  const std::vector<ParamMap>* pins = status->maps("pinned");
  return pins == nullptr ? std::vector<ParamMap>() : *pins;
}

TEST(Census, StatusNamesWhoKeepsTheDisk) {
  Forgotten forgotten({"alice", "bob", "carol"});
  for (int i = 0; i < 5; ++i) {
    forgotten.send_to("carol");
    forgotten.fill_segment();
  }
  forgotten.count();
  const std::vector<ParamMap> pins = pinned(forgotten.world);
  ASSERT_EQ(pins.size(), 1U);
  EXPECT_EQ(pins.front().text("agent"), "carol");
  EXPECT_EQ(pins.front().number("oldest_sequence"),
            forgotten.world.mailbox("carol").lanes[1].front().block.value);
  EXPECT_GT(pins.front().number("bytes"), 2 * kSegmentBytes);
  EXPECT_EQ(pins.front().flag("dead_letters"), false);
}

TEST(Census, OfManyThoseAreNamedWhoKeepMost) {
  const std::vector<std::string> waiting{"one", "two", "three", "four", "five", "six"};
  std::vector<std::string> agents{"alice", "bob"};
  agents.insert(agents.end(), waiting.begin(), waiting.end());
  Forgotten forgotten(agents);
  for (std::size_t segment = 0; segment < waiting.size(); ++segment) {
    for (std::size_t i = segment; i < waiting.size(); ++i) forgotten.send_to(waiting[i]);
    forgotten.fill_segment();
  }
  forgotten.fill_segment();
  forgotten.count();
  std::vector<std::string> names;
  for (const ParamMap& pin : pinned(forgotten.world)) names.push_back(*pin.text("agent"));
  EXPECT_EQ(names, (std::vector<std::string>{"six", "five", "four", "three", "two"}));
}

TEST(Census, ADeadLetterKeepsItsSegmentAsWaitingMailDoes) {
  HubConfig config = without_copies();
  config.max_deliver = 1;
  Traffic traffic(config);
  traffic.post(1);
  traffic.world.settle_all();
  traffic.world.say(traffic.bob, Receipt{1, ReceiptKind::kNack, 1, {}, 0, 0});
  traffic.world.settle_all();
  traffic.post(29);
  traffic.settle();
  traffic.pass_checkpoint();
  const std::vector<ParamMap> pins = pinned(traffic.world);
  ASSERT_EQ(pins.size(), 2U);
  EXPECT_EQ(pins.front().text("agent"), "alice") << "who has not read what became of it";
  EXPECT_EQ(pins.front().flag("dead_letters"), false);
  EXPECT_EQ(pins.back().text("agent"), "bob");
  EXPECT_EQ(pins.back().flag("dead_letters"), true);
}

}  // namespace
}  // namespace capstan
