// The operations that requests name. PROTOCOL.md §7.
#include <algorithm>

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::key_of;
using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Names = std::vector<std::string>;

ByteBuffer bytes_of(const AgentId& id) { return {id.bytes.begin(), id.bytes.end()}; }

Peer& connect_operator(World& world) { return world.connect("operator", {}, AgentRole::kAdmin); }

ParamMap new_agent(const std::string& name, Names names) {
  const auto key = key_of(name).key;
  return ParamMap()
      .set("name", name)
      .set("key", ByteBuffer(key.begin(), key.end()))
      .set("names", std::move(names));
}

// ---- Refused ----

TEST(Operations, AnUnknownOperationIsToldAsSuch) {
  World world;
  Peer& alice = world.connect("alice");
  const Response response = world.request(alice, "make_coffee");
  EXPECT_EQ(response.code, ErrorCode::kUnknownOperation);
  EXPECT_NE(response.message.find("make_coffee"), std::string::npos);
  EXPECT_TRUE(response.result.empty());
}

TEST(Operations, OfALongNameNoMoreIsRepeatedThanPeopleRead) {
  World world;
  Peer& alice = world.connect("alice");
  const std::string name(50'000, 'x');
  for (const Response& response :
       {world.request(alice, name), world.request(alice, "get_agent", ParamMap().set("name", name)),
        world.request(alice, "inbox", ParamMap().set("name", name)),
        world.request(alice, "register", ParamMap().set("name", name))}) {
    EXPECT_NE(response.code, ErrorCode::kOk);
    EXPECT_NE(response.message.find("xxx..."), std::string::npos) << response.message.size();
    EXPECT_LT(response.message.size(), 400U);
  }
}

// Goal: 20 octets that are answered with hundreds fill no memory and keep nobody else waiting.
TEST(Operations, RequestsBeyondTheShareOfATurnAreUnavailableAndOthersAreAnswered) {
  World world;
  Peer& mallory = world.connect("carol");
  Peer& alice = world.connect("alice");
  constexpr std::uint64_t kRequests = 60'000;
  BodyWriter body;
  for (std::uint64_t i = 0; i < kRequests; ++i) body.write(Request{i, "list_agents", {0x80}});
  const ByteBuffer many = body.take();
  body.write(Request{7, "list_agents", {0x80}});
  const ByteBuffer one = body.take();
  world.tell({FramesArrived{mallory.id(), many}, FramesArrived{alice.id(), one}});
  EXPECT_EQ(alice.take_one<Response>().code, ErrorCode::kOk);
  std::size_t bytes = 0;
  std::size_t answered = 0;
  const auto responses = mallory.take<Response>();
  EXPECT_EQ(responses.size(), kRequests) << "each has an answer";
  for (const Response& response : responses) {
    if (response.code == ErrorCode::kOk) {
      ++answered;
      bytes += response.result.size();
    } else {
      ASSERT_EQ(response.code, ErrorCode::kUnavailable);
    }
  }
  EXPECT_GT(answered, 1'000U);
  EXPECT_LE(answered, 16'384U);
  EXPECT_LE(bytes, std::size_t{8} << 20);
  EXPECT_EQ(world.request(mallory, "list_agents").code, ErrorCode::kOk)
      << "the next turn has a share of its own";
}

TEST(Operations, OperatorsRequestsTakeMoreOfTheShare) {
  World world;
  Peer& admin = connect_operator(world);
  BodyWriter body;
  for (std::uint64_t i = 0; i < 1000; ++i) body.write(Request{i, "status", {0x80}});
  world.feed(admin, body.take());
  const auto responses = admin.take<Response>();
  const auto answered = std::count_if(responses.begin(), responses.end(), [](const Response& one) {
    return one.code == ErrorCode::kOk;
  });
  EXPECT_GT(answered, 100);
  EXPECT_LT(answered, 600);
}

// Goal: whoever goes on working does not keep the hub from its end.
TEST(Operations, AStoppingHubTakesNoChangeAndGoesOnTelling) {
  World world;
  Peer& admin = connect_operator(world);
  world.tell(StopRequested{});
  (void)admin.take<Bye>();
  for (const char* change : {"agent_add", "agent_remove", "dead_drop", "dead_resend", "register",
                             "set_resume", "set_rule", "set_skill", "unregister"}) {
    EXPECT_EQ(world.request(admin, change).code, ErrorCode::kHubStopping) << change;
  }
  const auto status = decode_params(world.request(admin, "status").result);
  EXPECT_EQ(status->flag("ready"), false);
  EXPECT_EQ(world.request(admin, "list_agents").code, ErrorCode::kOk);
}

TEST(Operations, OperatorsOperationsAreRefusedToAgentsCountedAndAudited) {
  World world;
  Peer& alice = world.connect("alice");
  for (const char* operation : {"agent_add", "agent_remove", "status"}) {
    EXPECT_EQ(world.request(alice, operation).code, ErrorCode::kAccessDenied) << operation;
  }
  EXPECT_TRUE(world.audited("access_denied"));
  EXPECT_EQ(world.counter("refused_identity"), 3U);
}

TEST(Operations, ParametersThatAreNoMapAreMalformed) {
  World world;
  Peer& alice = world.connect("alice");
  world.say(alice, Request{4, "get_agent", {0x90}}, Request{5, "get_agent", {}});
  const auto responses = alice.take<Response>();
  ASSERT_EQ(responses.size(), 2U);
  EXPECT_EQ(responses[0].request_id, 4U);
  EXPECT_EQ(responses[0].code, ErrorCode::kMalformedFrame);
  EXPECT_EQ(responses[1].code, ErrorCode::kMalformedFrame);
}

TEST(Operations, AgentAddNeedsANameAKeyAndNames) {
  World world;
  Peer& admin = connect_operator(world);
  const auto refused = [&](const ParamMap& params) {
    return world.request(admin, "agent_add", params).code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(new_agent("dave", {})));
  EXPECT_TRUE(refused(new_agent("dave", {"dave"}).set("key", ByteBuffer(31))));
  EXPECT_TRUE(refused(new_agent("../dave", {"dave"})));
  EXPECT_TRUE(refused(new_agent("", {"dave"})));
  EXPECT_TRUE(world.admissions.empty());
  EXPECT_EQ(world.state().agents().size(), 3U);
}

TEST(Operations, AgentAddRefusesANameOfAnotherKeyAndThenCreatesNone) {
  World world;
  Peer& admin = connect_operator(world);
  EXPECT_EQ(world.request(admin, "agent_add", new_agent("node", {"dave", "bob"})).code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(world.state().find_agent("dave"), nullptr);
  EXPECT_TRUE(world.admissions.empty());
}

// ---- Done ----

TEST(Operations, StatusCountsWhatHappened) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  for (std::uint64_t n = 1; n <= 3; ++n) world.send(alice, n, "bob", "x");
  world.commit();
  world.ack_up_to(bob, 2);
  world.tell(Gauges{11, 2, 12'345});
  world.tell(DiskSpace{DiskState::kLow, 77});
  const std::map<std::string, std::uint64_t> expected{
      {"agents", 3},         {"sessions", 2},           {"pending", 3},
      {"accepted", 3},       {"delivered", 3},          {"redelivered", 0},
      {"acknowledged", 2},   {"deduplicated", 0},       {"refused_sends", 0},
      {"refused_frames", 0}, {"refused_identity", 2},   {"refused_handshakes", 11},
      {"segments", 1},       {"cold_segments", 0},      {"cold_copies", 0},
      {"gaps", 0},           {"journal_bytes", 12'345}, {"disk_free_bytes", 77}};
  for (const auto& [name, value] : expected) EXPECT_EQ(world.counter(name), value) << name;
  EXPECT_EQ(world.counter("commits"), world.durable.size());
  EXPECT_EQ(world.counter("last_sequence"), world.state().applied().value);
}

TEST(Operations, StatusNamesTheHub) {
  World world;
  world.tell(DiskSpace{DiskState::kLow, 77});
  Peer& admin = connect_operator(world);
  const auto result = decode_params(world.request(admin, "status").result);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->flag("ready"), true);
  EXPECT_EQ(result->text("version"), "test");
  EXPECT_EQ(result->text("disk_state"), "low");
  EXPECT_EQ(result->text("boot_id"), std::string("b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"));
}

TEST(Operations, AgentAddAnswersAfterTheCommitAndTheKey) {
  World world;
  Peer& admin = connect_operator(world);
  world.say(admin, Request{5, "agent_add", encode_params(new_agent("dave", {"dave", "dave-*"}))});
  EXPECT_TRUE(world.admissions.empty()) << "the door opens after the identity is on disk";
  world.commit();
  ASSERT_EQ(world.admissions.size(), 1U);
  EXPECT_EQ(world.admissions[0].name, "dave");
  EXPECT_EQ(world.admissions[0].key, key_of("dave").key);
  EXPECT_EQ(world.admissions[0].names, (Names{"dave", "dave-*"}));
  EXPECT_EQ(world.admissions[0].role, AgentRole::kAgent);
  EXPECT_TRUE(admin.silent());
  world.tell(KeyAdmitted{"dave", std::nullopt});
  const Response response = admin.take_one<Response>();
  EXPECT_EQ(response.request_id, 5U);
  EXPECT_EQ(response.code, ErrorCode::kOk);
  EXPECT_EQ(decode_params(response.result)->bytes("agent_id"), bytes_of(world.id("dave")));

  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  world.send(alice, 1, "dave", "you are known already");
  world.commit();
  EXPECT_EQ(world.pending("dave"), 1U);
}

TEST(Operations, AgentAddTellsWhenTheKeyCouldNotBeWritten) {
  World world;
  Peer& admin = connect_operator(world);
  world.say(admin, Request{5, "agent_add", encode_params(new_agent("dave", {"dave"}))});
  world.commit();
  world.tell(KeyAdmitted{"dave", Error{ErrorCode::kIo, "disk full"}});
  const Response response = admin.take_one<Response>();
  EXPECT_EQ(response.code, ErrorCode::kIo);
  EXPECT_EQ(response.message, "disk full");
  EXPECT_TRUE(response.result.empty());
}

TEST(Operations, TheSameAgentIsNotAddedTwiceAtOnce) {
  World world;
  Peer& admin = connect_operator(world);
  const ByteBuffer params = encode_params(new_agent("dave", {"dave"}));
  world.say(admin, Request{5, "agent_add", params}, Request{6, "agent_add", params});
  world.commit();
  EXPECT_EQ(world.admissions.size(), 1U);
  const Response second = admin.take_one<Response>();
  EXPECT_EQ(second.request_id, 6U);
  EXPECT_EQ(second.code, ErrorCode::kUnavailable);
  world.tell(KeyAdmitted{"dave", std::nullopt});
  EXPECT_EQ(admin.take_one<Response>().request_id, 5U);
}

TEST(Operations, AddingAKnownAgentWithItsOwnKeyKeepsItsId) {
  World world;
  Peer& admin = connect_operator(world);
  const AgentId id = world.id("bob");
  world.say(admin, Request{5, "agent_add", encode_params(new_agent("bob", {"bob"}))});
  world.commit();
  world.tell(KeyAdmitted{"bob", std::nullopt});
  EXPECT_EQ(admin.take_one<Response>().code, ErrorCode::kOk);
  EXPECT_EQ(world.id("bob"), id);
}

TEST(Operations, AnAdmissionWhoseRequesterLeftIsDoneInSilence) {
  World world;
  Peer& admin = connect_operator(world);
  world.say(admin, Request{5, "agent_add", encode_params(new_agent("dave", {"dave"}))});
  world.close(admin);
  world.commit();
  world.tell(KeyAdmitted{"dave", std::nullopt});
  world.tell(KeyAdmitted{"nobody asked", std::nullopt});
  EXPECT_TRUE(admin.silent());
  EXPECT_NE(world.state().find_agent("dave"), nullptr);
}

// ---- Keys on disk ----

TEST(Keys, NamesOfAdmittedKeysBecomeAgentsAndGlobsDoNot) {
  World world;
  world.tell(KeysChanged{{key_of("alice"), key_of("node", {"erin", "worker-*"})}});
  world.commit();
  EXPECT_NE(world.state().find_agent("erin"), nullptr);
  EXPECT_EQ(world.state().find_agent("worker-*"), nullptr);
  EXPECT_EQ(world.state().agents().size(), 4U);
}

TEST(Keys, TheSameKeysAgainChangeNothing) {
  World world;
  const std::size_t before = world.durable.size();
  world.tell(KeysChanged{{key_of("alice"), key_of("bob"), key_of("carol")}});
  world.commit();
  EXPECT_EQ(world.durable.size(), before);
}

TEST(Keys, ANameOfTwoKeysStaysWithTheFirstAndIsAudited) {
  World world;
  world.tell(KeysChanged{{key_of("mallory", {"bob"})}});
  world.commit();
  EXPECT_TRUE(world.audited("name_conflict"));
  EXPECT_EQ(world.state().find_agent("bob")->key, key_of("bob").key);
}

TEST(Keys, AWithdrawnKeyLeavesAtOnceAndHearsWhy) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  world.tell(KeysChanged{{key_of("alice"), key_of("carol")}});
  EXPECT_EQ(bob.take_one<Bye>().code, ErrorCode::kAccessDenied);
  EXPECT_TRUE(world.evicted.contains(bob.id()));
  EXPECT_FALSE(world.evicted.contains(alice.id()));
  EXPECT_NE(world.state().find_agent("bob"), nullptr) << "the agent and its mail stay";
}

// ---- Durability ----

TEST(Operations, AnAgentsDurabilityIsSetWhenItIsAddedAndTold) {
  World world;
  Peer& admin = connect_operator(world);
  const ParamMap dave = new_agent("dave", {"dave"}).set("durability", std::string("written"));
  world.say(admin, Request{5, "agent_add", encode_params(dave)});
  world.commit();
  ASSERT_EQ(world.admissions.size(), 1U);
  EXPECT_EQ(world.admissions[0].durability, Durability::kWritten);
  EXPECT_EQ(world.state().find_agent("dave")->durability, Durability::kWritten);
  EXPECT_EQ(world.state().find_agent("bob")->durability, Durability::kSynced);
  for (const char* operation : {"get_agent", "inbox"}) {
    const Response told =
        world.request(admin, operation, ParamMap().set("name", std::string("dave")));
    EXPECT_EQ(decode_params(told.result)->text("durability"), "written") << operation;
  }
}

TEST(Operations, AMailboxMayBeAddedThatStoresNothing) {
  World world;
  Peer& admin = connect_operator(world);
  const ParamMap dave = new_agent("dave", {"dave"}).set("durability", std::string("memory"));
  world.say(admin, Request{5, "agent_add", encode_params(dave)});
  world.commit();
  EXPECT_EQ(world.state().find_agent("dave")->durability, Durability::kMemory);
  const ParamMap globs = new_agent("erin", {"erin-*"}).set("durability", std::string("eternal"));
  EXPECT_EQ(world.request(admin, "agent_add", globs).code, ErrorCode::kInvalidArgument);
}

TEST(Operations, ADurabilityThatIsNoneOrAnotherThanBeforeIsRefused) {
  World world;
  Peer& admin = connect_operator(world);
  const ParamMap wrong = new_agent("dave", {"dave"}).set("durability", std::string("eternal"));
  EXPECT_EQ(world.request(admin, "agent_add", wrong).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(world.state().find_agent("dave"), nullptr);
  const AdmittedKey bob = core_test::key_of("bob");
  const ParamMap other = new_agent("bob", {"bob"})
                             .set("key", ByteBuffer(bob.key.begin(), bob.key.end()))
                             .set("durability", std::string("written"));
  EXPECT_EQ(world.request(admin, "agent_add", other).code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace capstan
