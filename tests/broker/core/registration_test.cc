// An agent says who it is, says it anew, and takes it back. PROTOCOL.md §6.16.
#include "capstan/codec/limits.h"
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::key_of;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;

ByteBuffer document(const std::string& key, const std::string& value) {
  return encode_params(ParamMap().set(key, value));
}

ParamMap named(const std::string& name) { return ParamMap().set("name", name); }

ParamMap whole(const std::string& name) {
  return named(name)
      .set("passport", document("kind", "agent"))
      .set("resume", document("summary", "folds paper"))
      .set("skill_md", std::string("# how"))
      .set("rule", document("version", "1"));
}

const AgentRecord& agent(const World& world, const std::string& name) {
  return *world.state().find_agent(name);
}

// ---- Refused ----

TEST(Registration, AnUnknownNameAndAForeignOneAreAnsweredAlikeAndAudited) {
  World world;
  Peer& alice = world.connect("alice");
  const AgentRecord before = agent(world, "bob");
  for (const char* operation : {"register", "unregister", "set_resume", "set_skill", "set_rule"}) {
    const Response foreign = world.request(alice, operation, whole("bob"));
    const Response unknown = world.request(alice, operation, whole("nobody"));
    EXPECT_EQ(foreign.code, ErrorCode::kAccessDenied) << operation;
    EXPECT_EQ(unknown.code, ErrorCode::kAccessDenied) << operation;
    EXPECT_EQ(foreign.message, "this key may not use the name 'bob'");
    EXPECT_EQ(unknown.message, "this key may not use the name 'nobody'");
  }
  EXPECT_EQ(agent(world, "bob"), before);
  EXPECT_EQ(world.state().find_agent("nobody"), nullptr);
  EXPECT_TRUE(world.audited("access_denied"));
  EXPECT_EQ(world.counter("refused_identity"), 10U);
}

TEST(Registration, AGlobOverAnAgentOfAnotherKeyGivesNoRightToIt) {
  World world;
  Peer& node = world.connect("node", {"*"});
  EXPECT_EQ(world.request(node, "register", whole("bob")).code, ErrorCode::kAccessDenied);
  EXPECT_EQ(world.request(node, "unregister", named("bob")).code, ErrorCode::kAccessDenied);
}

TEST(Registration, WhatIsTooLongOrNoMapChangesNothing) {
  World world;
  Peer& bob = world.connect("bob");
  const AgentRecord before = agent(world, "bob");
  const auto refused = [&](const ParamMap& params) {
    return world.request(bob, "register", params).code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({}));
  for (const char* part : {"passport", "resume", "rule"}) {
    EXPECT_TRUE(refused(named("bob").set(part, ByteBuffer{0x90}))) << part;
    EXPECT_TRUE(refused(named("bob").set(part, std::string("a text")))) << part;
    EXPECT_TRUE(refused(named("bob").set(part, document("x", std::string(kResumeBytesMax, 'x')))))
        << part;
  }
  EXPECT_TRUE(refused(named("bob").set("skill_md", std::string(kSkillBytesMax + 1, 'x'))));
  EXPECT_TRUE(refused(named("bob").set("skill_md", ByteBuffer{1})));
  EXPECT_EQ(agent(world, "bob"), before);
}

TEST(Registration, AFullDiskAndAStoppingHubTakeNoChange) {
  World world;
  Peer& bob = world.connect("bob");
  world.tell(DiskSpace{DiskState::kFull, 1});
  EXPECT_EQ(world.request(bob, "register", whole("bob")).code, ErrorCode::kDiskFull);
  world.tell(DiskSpace{DiskState::kOk, 1'000'000});
  EXPECT_EQ(world.request(bob, "register", whole("bob")).code, ErrorCode::kOk);
  world.tell(StopRequested{});
  EXPECT_EQ(world.request(bob, "register", whole("bob")).code, ErrorCode::kHubStopping);
}

TEST(Registration, PartsOfAnAgentThatIsNotRegisteredAreNotSet) {
  World world;
  Peer& bob = world.connect("bob");
  EXPECT_EQ(world.request(bob, "set_skill", named("bob").set("skill_md", std::string("x"))).code,
            ErrorCode::kInvalidArgument);
}

// ---- Done ----

TEST(Registration, CompletesTheIdentityUnderTheSameIdAlsoTheSecondTime) {
  World world;
  Peer& bob = world.connect("bob");
  const AgentId id = world.id("bob");
  const auto first = decode_params(world.request(bob, "register", whole("bob")).result);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->bytes("agent_id"), ByteBuffer(id.bytes.begin(), id.bytes.end()));
  EXPECT_EQ(first->number("version"), 2U);
  const std::uint64_t registered_at_ns = agent(world, "bob").registered_at_ns;
  EXPECT_EQ(registered_at_ns, world.now.wall_ns);
  EXPECT_EQ(agent(world, "bob").profile.passport, document("kind", "agent"));
  EXPECT_EQ(agent(world, "bob").profile.skill, "# how");
  world.pass_ms(50);
  const auto second = decode_params(
      world.request(bob, "register", named("bob").set("skill_md", std::string("other"))).result);
  EXPECT_EQ(second->bytes("agent_id"), first->bytes("agent_id"));
  EXPECT_EQ(second->number("version"), 3U);
  EXPECT_EQ(agent(world, "bob").profile.skill, "other");
  EXPECT_TRUE(agent(world, "bob").profile.passport.empty()) << "it is told as a whole";
  EXPECT_EQ(agent(world, "bob").registered_at_ns, registered_at_ns);
  EXPECT_EQ(agent(world, "bob").updated_at_ns, world.now.wall_ns);
}

TEST(Registration, ANameUnderAGlobBecomesAnAgent) {
  World world;
  Peer& node = world.connect("node", {"worker-*"});
  EXPECT_EQ(world.request(node, "register", whole("worker-1")).code, ErrorCode::kOk);
  EXPECT_EQ(agent(world, "worker-1").key, key_of("node").key);
  EXPECT_EQ(world.request(node, "register", whole("../worker")).code, ErrorCode::kAccessDenied);
}

TEST(Registration, IsAnsweredWhenItIsDurableAndSurvivesARestart) {
  World world;
  Peer& bob = world.connect("bob");
  world.say(bob, Request{5, "register", encode_params(whole("bob"))});
  EXPECT_TRUE(bob.silent()) << "not on disk yet";
  world.commit();
  EXPECT_EQ(bob.take_one<Response>().code, ErrorCode::kOk);
  const AgentRecord before = agent(world, "bob");
  world.checkpoint();
  world.restart();
  EXPECT_EQ(agent(world, "bob"), before);
  EXPECT_EQ(world.state().profile_bytes(), before.profile.bytes());
}

TEST(Registration, TheSecretOfAPassportIsNeverStored) {
  World world;
  Peer& bob = world.connect("bob");
  const ByteBuffer passport = encode_params(ParamMap().set(
      "auth", std::vector<ParamMap>{}));  // A list: no map, and no claim to look for.
  EXPECT_EQ(world.request(bob, "register", named("bob").set("passport", passport)).code,
            ErrorCode::kOk);
  // {"auth": {"claim": "s3cret"}}
  ByteBuffer secret{0x81, 0xa4, 'a', 'u', 't', 'h', 0x81, 0xa5, 'c', 'l', 'a', 'i', 'm', 0xa6};
  append(secret, as_bytes("s3cret"));
  EXPECT_EQ(world.request(bob, "register", named("bob").set("passport", secret)).code,
            ErrorCode::kOk);
  EXPECT_EQ(agent(world, "bob").profile.passport,
            (ByteBuffer{0x81, 0xa4, 'a', 'u', 't', 'h', 0x80}));
}

TEST(Registration, PartsAreReplacedAloneAndEachGrowsTheVersion) {
  World world;
  Peer& bob = world.connect("bob");
  (void)world.request(bob, "register", whole("bob"));
  EXPECT_EQ(world.request(bob, "set_resume", named("bob").set("resume", document("a", "b"))).code,
            ErrorCode::kOk);
  EXPECT_EQ(world.request(bob, "set_skill", named("bob")).code, ErrorCode::kOk) << "deletes it";
  EXPECT_EQ(world.request(bob, "set_rule", named("bob").set("rule", document("c", "d"))).code,
            ErrorCode::kOk);
  const AgentRecord& record = agent(world, "bob");
  EXPECT_EQ(record.version, 5U);
  EXPECT_EQ(record.profile.passport, document("kind", "agent"));
  EXPECT_EQ(record.profile.resume, document("a", "b"));
  EXPECT_EQ(record.profile.skill, "");
  EXPECT_EQ(record.profile.rule, document("c", "d"));
}

TEST(Registration, ASetThatChangesNothingIsAnsweredWithoutARecord) {
  World world;
  Peer& bob = world.connect("bob");
  (void)world.request(bob, "register", whole("bob"));
  const AgentRecord before = agent(world, "bob");
  const std::size_t records = world.count_records(RecordType::kAgent);
  world.pass_ms(50);
  const auto same = decode_params(
      world.request(bob, "set_rule", named("bob").set("rule", document("version", "1"))).result);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->number("version"), before.version);
  EXPECT_EQ(same->number("updated_at_ns"), before.updated_at_ns);
  EXPECT_EQ(same->text("name"), "bob");
  EXPECT_EQ(
      world.request(bob, "set_skill", named("bob").set("skill_md", std::string("# how"))).code,
      ErrorCode::kOk);
  EXPECT_EQ(agent(world, "bob"), before);
  EXPECT_EQ(world.count_records(RecordType::kAgent), records);
}

// ---- Many at once ----

ParamMap large(const std::string& name) {
  return named(name).set("skill_md", std::string(kSkillBytesMax, 'x'));
}

// Goal: each looks for the agent's sessions among all of the hub's.
TEST(Registration, TakingBackTakesOfTheShareOfATurnEvenWhenNothingIsLeftToTakeBack) {
  World world;
  Peer& bob = world.connect("bob");
  BodyWriter body;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    body.write(Request{i, "unregister", encode_params(named("bob"))});
  }
  world.feed(bob, body.take());
  const auto responses = bob.take<Response>();
  ASSERT_EQ(responses.size(), 2000U);
  EXPECT_EQ(responses[99].code, ErrorCode::kOk);
  EXPECT_EQ(responses[599].code, ErrorCode::kUnavailable);
}

// Goal: requests of some fifty octets, each of which writes the whole record, fill no commit.
TEST(Registration, ChangesBeyondTheShareOfATurnAreUnavailable) {
  World world;
  Peer& bob = world.connect("bob");
  (void)world.request(bob, "register", large("bob"));
  BodyWriter body;
  constexpr std::uint64_t kChanges = 2000;
  for (std::uint64_t i = 0; i < kChanges; ++i) {
    const ByteBuffer rule = document("version", i % 2 == 0 ? "1" : "2");
    body.write(Request{i, "set_rule", encode_params(named("bob").set("rule", rule))});
  }
  const std::size_t records = world.count_records(RecordType::kAgent);
  world.feed(bob, body.take());
  world.commit();
  std::size_t done = 0;
  std::size_t put_off = 0;
  for (const Response& response : bob.take<Response>()) {
    done += response.code == ErrorCode::kOk ? 1U : 0U;
    put_off += response.code == ErrorCode::kUnavailable ? 1U : 0U;
  }
  EXPECT_GT(done, 100U);
  EXPECT_LT(done, 300U) << "8 MiB of records of 32 KiB";
  EXPECT_EQ(done + put_off, kChanges) << "each is answered";
  EXPECT_EQ(world.count_records(RecordType::kAgent), records + done);
  EXPECT_EQ(world.request(bob, "set_rule", named("bob").set("rule", document("a", "b"))).code,
            ErrorCode::kOk)
      << "the next turn has a share of its own";
}

TEST(Registration, NoChangeIsTakenWhenTheCommitInTheMakingIsFull) {
  HubConfig config = core_test::quiet_config();
  config.commit_budget_bytes = 64 * 1024;
  World world(config);
  Peer& bob = world.connect("bob");
  const auto say = [&](std::uint64_t request, char letter) {
    const std::string skill(kSkillBytesMax, letter);
    world.say(bob,
              Request{request, "register", encode_params(named("bob").set("skill_md", skill))});
  };
  // The first leaves for the disk, two more gather behind it.
  for (std::uint64_t request = 1; request <= 4; ++request) say(request, 'x');
  world.commit();
  const auto responses = bob.take<Response>();
  ASSERT_EQ(responses.size(), 4U);
  EXPECT_EQ(responses[2].code, ErrorCode::kOk);
  EXPECT_EQ(responses[3].code, ErrorCode::kUnavailable);
  EXPECT_EQ(world.request(bob, "register", large("bob")).code, ErrorCode::kOk);
}

TEST(Registration, AKeyWithAGlobMakesNoMoreAgentsThanItMay) {
  HubConfig config = core_test::quiet_config();
  config.agents_per_key_max = 2;
  World world(config);
  Peer* node = &world.connect("node", {"worker-*"});
  EXPECT_EQ(world.attach(*node, "worker-1", posting()).code, ErrorCode::kOk);
  EXPECT_EQ(world.request(*node, "register", whole("worker-2")).code, ErrorCode::kOk);
  const auto is_full = [&] {
    const Response attached = world.attach(*node, "worker-3", posting());
    EXPECT_NE(attached.message.find("agents_per_key_max"), std::string::npos);
    EXPECT_EQ(world.request(*node, "register", whole("worker-3")).code, attached.code);
    EXPECT_EQ(world.attach(*node, "worker-1", posting()).code, ErrorCode::kOk)
        << "those that it has stay its own";
    return attached.code == ErrorCode::kUnavailable;
  };
  EXPECT_TRUE(is_full());
  EXPECT_EQ(world.counter("refused_identity"), 0U) << "the name is its own";
  world.restart();
  node = &world.connect("node", {"worker-*"});
  EXPECT_TRUE(is_full());
  EXPECT_EQ(world.state().find_agent("worker-3"), nullptr);
  // A key of its own makes its own, and an operator may name more.
  Peer& other = world.connect("other", {"other-*"});
  EXPECT_EQ(world.attach(other, "other-1", posting()).code, ErrorCode::kOk);
  world.tell(KeysChanged{{key_of("node", {"worker-*", "worker-4"})}});
  EXPECT_NE(world.state().find_agent("worker-4"), nullptr);
}

TEST(Registration, ARemovedAgentMakesRoomForAnotherOne) {
  HubConfig config = core_test::quiet_config();
  config.agents_per_key_max = 1;
  World world(config);
  Peer& node = world.connect("node", {"worker-*"});
  EXPECT_EQ(world.attach(node, "worker-1", posting()).code, ErrorCode::kOk);
  EXPECT_EQ(world.attach(node, "worker-2", posting()).code, ErrorCode::kUnavailable);
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  world.say(admin, Request{5, "agent_remove", encode_params(named("worker-1"))});
  NameWithdrawn withdrawn;
  withdrawn.name = "worker-1";
  world.tell(withdrawn);
  world.commit();
  EXPECT_EQ(world.attach(node, "worker-2", posting()).code, ErrorCode::kOk);
}

// ---- Taken back ----

TEST(Registration, UnregisterEndsTheSessionsAndForgetsWhatWasSaidButKeepsIdAndMail) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "bob", "wait for me");
  world.commit();
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  EXPECT_EQ(bob.take_texts().size(), 1U);
  const AgentId id = world.id("bob");
  (void)world.request(bob, "register", whole("bob"));
  EXPECT_EQ(world.request(bob, "unregister", named("bob")).code, ErrorCode::kOk);
  const ErrorFrame over = bob.take_one<ErrorFrame>();
  EXPECT_EQ(over.session, 1U);
  EXPECT_EQ(over.about, FrameType::kNone);
  EXPECT_EQ(over.code, ErrorCode::kAccessDenied);
  EXPECT_EQ(agent(world, "bob").profile, AgentProfile{});
  EXPECT_EQ(agent(world, "bob").registered_at_ns, 0U);
  EXPECT_EQ(agent(world, "bob").version, 3U);
  EXPECT_EQ(world.pending("bob"), 1U);

  EXPECT_EQ(world.request(bob, "register", whole("bob")).code, ErrorCode::kOk);
  EXPECT_EQ(world.id("bob"), id);
  world.attach(bob, "bob", receiving());
  EXPECT_EQ(bob.take_texts(), std::vector<std::string>{"wait for me"});
}

TEST(Registration, UnregisterASecondTimeChangesNothing) {
  World world;
  Peer& bob = world.connect("bob");
  (void)world.request(bob, "register", whole("bob"));
  (void)world.request(bob, "unregister", named("bob"));
  const std::size_t records = world.count_records(RecordType::kAgent);
  const auto again = decode_params(world.request(bob, "unregister", named("bob")).result);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->number("version"), 3U);
  EXPECT_EQ(world.count_records(RecordType::kAgent), records);
}

TEST(Registration, ARemovedAgentTakesNoRoomWithWhatItSaid) {
  World world;
  Peer& bob = world.connect("bob");
  (void)world.request(bob, "register", whole("bob"));
  EXPECT_GT(world.state().profile_bytes(), 0U);
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  world.say(admin, Request{5, "agent_remove", encode_params(named("bob"))});
  NameWithdrawn withdrawn;
  withdrawn.name = "bob";
  world.tell(withdrawn);
  world.commit();
  EXPECT_EQ(world.state().find_agent("bob"), nullptr);
  EXPECT_EQ(world.state().profile_bytes(), 0U);
}

}  // namespace
}  // namespace capstan
