// Who hears of whom, and when. PROTOCOL.md §6.17.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Known = std::map<std::string, PresenceState>;

constexpr auto kOffline = PresenceState::kOffline;
constexpr auto kOnline = PresenceState::kOnline;

Subscribe subscribe(std::uint64_t request_id = 1) {
  return {request_id, std::string(kPresenceTopic), {}, 0};
}

/// What a subscriber knows, as PROTOCOL.md §6.17 tells it to keep it.
struct Watcher {
  explicit Watcher(World& the_world, const std::string& name = "carol")
      : world(the_world), peer(the_world.connect(name)) {}

  /// Takes what has come; false when nothing did.
  bool listen() {
    bool heard = false;
    for (const Presence& presence : peer.take<Presence>()) {
      heard = true;
      if (presence.snapshot) known.clear();
      version = presence.version;
      for (const AgentPresence& agent : presence.agents) {
        if (agent.state == PresenceState::kRemoved) {
          known.erase(agent.name);
        } else {
          known[agent.name] = agent.state;
        }
      }
      told += presence.agents.size();
    }
    return heard;
  }
  bool listen_later() {
    world.pass_ms(100);
    world.commit();
    return listen();
  }

  World& world;
  Peer& peer;
  Known known;
  std::uint64_t version = 0;
  std::size_t told = 0;
};

// ---- Refused ----

TEST(PresencePush, AnotherTopicAndAStrangerAreRefused) {
  World world;
  Peer& alice = world.connect("alice");
  world.say(alice, Subscribe{4, "weather", {}, 0}, Unsubscribe{5, ""});
  const auto responses = alice.take<Response>();
  ASSERT_EQ(responses.size(), 2U);
  EXPECT_EQ(responses[0].code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(responses[1].code, ErrorCode::kInvalidArgument);
  Peer& early = world.open("bob");
  world.say(early, subscribe());
  EXPECT_EQ(early.take_one<ErrorFrame>().code, ErrorCode::kNotConnected);
  EXPECT_TRUE(early.silent());
}

// ---- Told ----

TEST(PresencePush, ASubscriberHearsOfEverybodyAndThenOfChanges) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe(9));
  EXPECT_EQ(carol.peer.take_kinds(), (std::vector<std::string>{"response", "presence"}));
  world.say(carol.peer, subscribe(10));
  (void)carol.listen_later();
  EXPECT_EQ(carol.known, (Known{{"alice", kOffline}, {"bob", kOffline}, {"carol", kOffline}}));

  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_TRUE(carol.listen_later());
  EXPECT_EQ(carol.known["bob"], kOnline);
  EXPECT_FALSE(carol.listen_later()) << "nothing has changed";
  world.close(bob);
  EXPECT_TRUE(carol.listen_later());
  EXPECT_EQ(carol.known["bob"], kOffline);
}

TEST(PresencePush, OnlyAReceivingSessionMakesAnAgentOnline) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  EXPECT_FALSE(carol.listen_later());
}

TEST(PresencePush, AnAgentThatIsSilentForTheLeaseIsOffline) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  (void)carol.listen_later();
  ASSERT_EQ(carol.known["bob"], kOnline);
  for (std::uint64_t ms = 0; ms < 2 * world.config.lease_ms; ms += 1000) {
    world.pass_ms(1000);
    world.say(carol.peer, Ping{1});
  }
  (void)carol.listen_later();
  EXPECT_EQ(carol.known["bob"], kOffline);
}

TEST(PresencePush, ANewAgentIsToldWhenItIsDurableAndARemovedOneIsGone) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  Peer& node = world.connect("node", {"worker-*"});
  world.pass_ms(100);
  world.say(node, Request{5, "register", encode_params(ParamMap().set("name", "worker-1"))});
  EXPECT_FALSE(carol.listen()) << "a crash may still take it";
  world.commit();
  EXPECT_TRUE(carol.listen());
  EXPECT_EQ(carol.known["worker-1"], kOffline);

  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  world.say(admin, Request{6, "agent_remove", encode_params(ParamMap().set("name", "worker-1"))});
  NameWithdrawn withdrawn;
  withdrawn.name = "worker-1";
  world.tell(withdrawn);
  world.commit();
  (void)carol.listen_later();
  EXPECT_EQ(carol.known.count("worker-1"), 0U);
}

TEST(PresencePush, ManyThatComeAtOnceAreOneFrame) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  for (int i = 0; i < 20; ++i) {
    world.attach(alice, "alice", receiving());
    world.attach(bob, "bob", receiving());
    world.pass_ms(1);
  }
  world.pass_ms(100);
  const auto frames = carol.peer.take<Presence>();
  ASSERT_LE(frames.size(), 2U) << "the first may leave at once";
  std::size_t told = 0;
  for (const Presence& frame : frames) told += frame.agents.size();
  EXPECT_LE(told, 3U);
}

TEST(PresencePush, ASupersedingReceiverIsNoChange) {
  World world;
  Watcher carol(world);
  Peer& first = world.connect("bob");
  world.attach(first, "bob", receiving());
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  Peer& second = world.connect("bob");
  world.attach(second, "bob", receiving());
  EXPECT_FALSE(carol.listen_later());
}

TEST(PresencePush, WhoComesBackHearsOnlyWhatItMissed) {
  World world;
  Watcher carol(world);
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  const std::uint64_t version = carol.version;
  world.close(carol.peer);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  Peer& again = world.connect("carol");
  Subscribe goes_on = subscribe();
  goes_on.boot.bytes.fill(0xb0);
  goes_on.version = version;
  world.say(again, goes_on);
  world.pass_ms(100);
  const Presence missed = again.take_one<Presence>();
  EXPECT_FALSE(missed.snapshot);
  ASSERT_EQ(missed.agents.size(), 1U);
  EXPECT_EQ(missed.agents[0].name, "bob");
}

TEST(PresencePush, AfterARestartEverythingIsToldAnewAndNobodyIsThere) {
  World world;
  Watcher carol(world);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.say(carol.peer, subscribe());
  (void)carol.listen_later();
  ASSERT_EQ(carol.known["bob"], kOnline);
  world.restart();
  Watcher back(world);
  Subscribe goes_on = subscribe();
  goes_on.boot.bytes.fill(0xb0);
  goes_on.version = carol.version;
  world.say(back.peer, goes_on);
  (void)back.listen_later();
  EXPECT_EQ(back.known, (Known{{"alice", kOffline}, {"bob", kOffline}, {"carol", kOffline}}));
}

TEST(PresencePush, WhoUnsubscribesOrLeavesHearsNoMore) {
  World world;
  Watcher carol(world);
  Watcher alice(world, "alice");
  world.say(carol.peer, subscribe());
  world.say(alice.peer, subscribe());
  (void)carol.listen_later();
  world.say(carol.peer, Unsubscribe{2, std::string(kPresenceTopic)});
  world.close(alice.peer);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_FALSE(carol.listen_later());
}

// Goal: a fleet that comes up costs a bounded amount of work each turn, and everybody hears all.
// Method: 1,500 agents on one connection, 40 subscribers.
TEST(PresencePush, AFleetThatComesUpIsToldInPartsToEverybody) {
  World world;
  constexpr std::size_t kFleet = 1500;
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 40; ++i) {
    watchers.push_back(std::make_unique<Watcher>(world));
    world.say(watchers.back()->peer, subscribe());
  }
  Peer& node = world.connect("node", {"worker-*"});
  for (std::size_t i = 0; i < kFleet; ++i) {
    const auto session = static_cast<SessionId>(i + 1);
    Attach attach;
    attach.request_id = session;
    attach.session = session;
    attach.agent = "worker-" + std::to_string(i);
    attach.mode = AttachMode::kReceive;
    world.say(node, attach);
  }
  world.commit();
  (void)node.take<Response>();
  for (int turn = 0; turn < 20; ++turn) {
    world.pass_ms(100);
    std::size_t told = 0;
    for (const auto& watcher : watchers) {
      const std::size_t before = watcher->told;
      (void)watcher->listen();
      told += watcher->told - before;
    }
    EXPECT_LE(told, 2 * (32'768U + 1000U)) << "one turn, and one more before it";
  }
  for (const auto& watcher : watchers) {
    EXPECT_EQ(watcher->known.size(), kFleet + 3);
    EXPECT_EQ(watcher->known["worker-1499"], kOnline);
  }
}

}  // namespace
}  // namespace capstan
