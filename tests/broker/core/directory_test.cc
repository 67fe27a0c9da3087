// One agent by name or id, and all of them in pages. PROTOCOL.md §6.16, §7.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;
using Names = std::vector<std::string>;

ByteBuffer bytes_of(const AgentId& id) { return {id.bytes.begin(), id.bytes.end()}; }

ParamMap asked(World& world, Peer& peer, const std::string& operation, const ParamMap& params) {
  const auto result = decode_params(world.request(peer, operation, params).result);
  EXPECT_TRUE(result.ok());
  return result ? *result : ParamMap();
}

Names names_in(const ParamMap& page) {
  Names names;
  const std::vector<ParamMap>* agents = page.maps("agents");
  if (agents == nullptr) return names;  // An empty list has no element type.
  for (const ParamMap& agent : *agents) names.push_back(*agent.text("name"));
  return names;
}

ParamMap can(const std::string& name, const Names& capabilities) {
  return ParamMap()
      .set("name", name)
      .set("resume", encode_params(ParamMap().set("claimed_capabilities", capabilities)));
}

TEST(Directory, GetAgentNeedsANameThatIsKnown) {
  World world;
  Peer& alice = world.connect("alice");
  EXPECT_EQ(world.request(alice, "get_agent").code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(world.request(alice, "get_agent", ParamMap().set("name", std::uint64_t{5})).code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(world.request(alice, "get_agent", ParamMap().set("name", std::string("nobody"))).code,
            ErrorCode::kNotFound);
}

TEST(Directory, GetAgentGivesTheId) {
  World world;
  Peer& alice = world.connect("alice");
  const Response response =
      world.request(alice, "get_agent", ParamMap().set("name", std::string("bob")));
  ASSERT_EQ(response.code, ErrorCode::kOk);
  const auto result = decode_params(response.result);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->bytes("agent_id"), bytes_of(world.id("bob")));
  EXPECT_EQ(result->text("name"), "bob");
}

TEST(Directory, ListAgentsSaysWhoIsThereWithWhatMail) {
  World world;
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  Peer& carol = world.connect("carol");
  world.attach(carol, "carol", receiving());
  world.send(alice, 1, "bob", "one");
  world.send(alice, 2, "bob", "two");
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  const auto result = decode_params(world.request(admin, "list_agents").result);
  ASSERT_TRUE(result.ok());
  const auto* agents = result->maps("agents");
  ASSERT_NE(agents, nullptr);
  ASSERT_EQ(agents->size(), 3U);
  const char* const names[] = {"alice", "bob", "carol"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(agents->at(i).text("name"), names[i]) << "sorted by name";
    EXPECT_EQ(agents->at(i).bytes("agent_id"), bytes_of(world.id(names[i])));
    EXPECT_EQ(agents->at(i).text("role"), "agent");
    EXPECT_EQ(agents->at(i).flag("receiving"), i == 2);
    EXPECT_EQ(agents->at(i).number("pending"), i == 1 ? 2U : 0U);
    EXPECT_EQ(agents->at(i).number("pending_bytes"), world.mailbox(names[i]).pending_bytes);
  }
}

TEST(Directory, AnAgentIsFoundByItsIdToo) {
  World world;
  Peer& alice = world.connect("alice");
  const ParamMap bob =
      asked(world, alice, "get_agent", ParamMap().set("agent_id", bytes_of(world.id("bob"))));
  EXPECT_EQ(bob.text("name"), "bob");
  EXPECT_EQ(world.request(alice, "get_agent", ParamMap().set("agent_id", ByteBuffer(16))).code,
            ErrorCode::kNotFound);
  EXPECT_EQ(world.request(alice, "get_agent", ParamMap().set("agent_id", ByteBuffer(15))).code,
            ErrorCode::kInvalidArgument);
}

TEST(Directory, TheProfileIsToldToWhoAsksForItAndTheRuleToItsOwnerAlone) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  const ByteBuffer document = encode_params(ParamMap().set("kind", std::string("agent")));
  (void)asked(world, bob, "register",
              ParamMap()
                  .set("name", "bob")
                  .set("passport", document)
                  .set("resume", document)
                  .set("skill_md", std::string("# how"))
                  .set("rule", document));
  const ParamMap who = ParamMap().set("name", "bob").set("profile", true);
  const ParamMap told = asked(world, alice, "get_agent", who);
  EXPECT_EQ(told.flag("registered"), true);
  EXPECT_EQ(told.number("version"), 2U);
  EXPECT_EQ(told.bytes("passport"), document);
  EXPECT_EQ(told.bytes("resume"), document);
  EXPECT_EQ(told.text("skill_md"), "# how");
  EXPECT_EQ(told.bytes("rule"), std::nullopt);
  EXPECT_EQ(asked(world, bob, "get_agent", who).bytes("rule"), document);
  EXPECT_EQ(asked(world, admin, "get_agent", who).bytes("rule"), document);
  const ParamMap brief = asked(world, alice, "get_agent", ParamMap().set("name", "bob"));
  EXPECT_EQ(brief.bytes("passport"), std::nullopt) << "who looks up an address needs no passport";
}

TEST(Directory, PresenceIsToldWithItsTime) {
  World world;
  Peer& alice = world.connect("alice");
  const ParamMap who = ParamMap().set("name", "bob");
  EXPECT_EQ(asked(world, alice, "get_agent", who).text("presence"), "offline");
  world.pass_ms(500);
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  const std::uint64_t since_ns = world.now.wall_ns;
  world.pass_ms(500);
  EXPECT_EQ(asked(world, alice, "get_agent", who).text("presence"), "online");
  EXPECT_EQ(asked(world, alice, "get_agent", who).number("presence_since_ns"), since_ns);
}

TEST(Directory, AnAgentSeesAllButNobodysMail) {
  World world;
  Peer& alice = world.connect("alice");
  const ParamMap page = asked(world, alice, "list_agents", {});
  EXPECT_EQ(names_in(page), (Names{"alice", "bob", "carol"}));
  EXPECT_EQ(page.maps("agents")->at(1).text("presence"), "offline");
  EXPECT_EQ(page.maps("agents")->at(1).number("pending"), std::nullopt);
  EXPECT_EQ(page.maps("agents")->at(1).flag("receiving"), std::nullopt);
}

TEST(Directory, AgentsAreFoundByWhatTheyCanDoByNameAndByRegistration) {
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  (void)asked(world, alice, "register", can("alice", {"weld"}));
  (void)asked(world, bob, "register", can("bob", {"weld", "paint"}));
  const auto found = [&](const ParamMap& filter) {
    return names_in(asked(world, alice, "list_agents", filter));
  };
  EXPECT_EQ(found(ParamMap().set("capability", "weld")), (Names{"alice", "bob"}));
  EXPECT_EQ(found(ParamMap().set("capability", "paint")), Names{"bob"});
  EXPECT_EQ(found(ParamMap().set("capability", "sing")), Names{});
  EXPECT_EQ(found(ParamMap().set("name", "*a*")), (Names{"alice", "carol"}));
  EXPECT_EQ(found(ParamMap().set("registered", false)), Names{"carol"});
  EXPECT_EQ(found(ParamMap().set("registered", true).set("name", "b*")), Names{"bob"});
}

// Goal: a page looks at a bounded number of agents, and the pages together tell of each once.
TEST(Directory, ManyAgentsComeInPagesAlsoWhenNoneOfAPageIsWanted) {
  Names agents;
  for (int i = 0; i < 2500; ++i) agents.push_back("a" + std::to_string(10'000 + i));
  World world(core_test::quiet_config(), agents);
  Peer& peer = world.connect("a10000");
  const auto walk = [&](ParamMap filter, std::size_t& pages) {
    Names names;
    bool more = true;
    for (pages = 0; more; ++pages) {
      const ParamMap page = asked(world, peer, "list_agents", filter);
      for (const std::string& name : names_in(page)) names.push_back(name);
      more = page.flag("more").value_or(false);
      filter.set("after", *page.text("after"));
    }
    return names;
  };
  std::size_t pages = 0;
  EXPECT_EQ(walk({}, pages), agents);
  EXPECT_EQ(pages, 3U);
  EXPECT_EQ(walk(ParamMap().set("name", "a12499"), pages), Names{"a12499"});
  EXPECT_EQ(pages, 3U);
}

// Goal: looking into many long résumés ends a page early.
TEST(Directory, APageLooksIntoAMegabyteOfResumes) {
  World world;
  Peer& node = world.connect("node", {"w*"});
  const std::string summary(16'000, 'x');
  for (int i = 0; i < 100; ++i) {
    (void)asked(world, node, "register",
                ParamMap()
                    .set("name", "w" + std::to_string(100 + i))
                    .set("resume", encode_params(ParamMap().set("summary", summary))));
  }
  const ParamMap page = asked(world, node, "list_agents", ParamMap().set("capability", "sing"));
  EXPECT_EQ(names_in(page), Names{});
  EXPECT_EQ(page.flag("more"), true);
  EXPECT_LT(*page.text("after"), "w180");
}

// Goal: a glob is compared with every name, and may be a thousand times as long as one.
TEST(Directory, APageComparesNoMoreThanAMegabyteOfAGlob) {
  std::vector<std::string> names;
  for (int i = 10; i < 50; ++i) names.push_back("agent-" + std::to_string(i));
  World world(core_test::quiet_config(), names);
  Peer& alice = world.connect(names[0]);
  const ParamMap page =
      asked(world, alice, "list_agents", ParamMap().set("name", std::string(100'000, '*')));
  EXPECT_EQ(names_in(page).size(), 11U);
  EXPECT_EQ(page.flag("more"), true);
  EXPECT_EQ(page.text("after"), "agent-20");
}

}  // namespace
}  // namespace capstan
