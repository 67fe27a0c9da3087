#include "needed.h"

#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;

using Needed = std::map<Sequence, std::uint64_t>;

/// Records by block, found in steps of `budget`.
Needed walk(const State& state, std::size_t budget, Sequence begin = Sequence{1},
            Sequence end = Sequence{1'000'000}) {
  Needed found;
  NeededWalk walk;
  const auto take = [&](const NeededInBlock& needed) {
    EXPECT_GT(needed.bytes, 0U);
    found[needed.block] += needed.records;
  };
  int steps = 1;
  while (!walk.step(state, begin, end, budget, take) && steps < 10'000) ++steps;
  EXPECT_LT(steps, 10'000);
  return found;
}

/// Each commit has one envelope for each of bob and carol.
struct Mail {
  Mail() {
    world.attach(alice, "alice", posting());
    std::uint64_t number = 0;
    for (int i = 0; i < 20; ++i) {
      world.send(alice, ++number, "bob", "x");
      world.send(alice, ++number, "carol", "x");
      world.commit();
    }
  }
  World world;
  Peer& alice = world.connect("alice");
};

TEST(NeededWalk, NamesEveryWaitingRecordWhateverItsSteps) {
  Mail mail;
  const Needed all = walk(mail.world.state(), 1'000'000);
  std::uint64_t records = 0;
  for (const auto& [block, count] : all) records += count;
  EXPECT_EQ(records, 40U);
  EXPECT_GE(all.size(), 20U);
  for (const std::size_t budget : {2U, 3U, 7U, 20U}) {
    EXPECT_EQ(walk(mail.world.state(), budget), all) << budget;
  }
}

TEST(NeededWalk, WhatIsSettledIsNotNamed) {
  Mail mail;
  Peer& bob = mail.world.connect("bob");
  mail.world.attach(bob, "bob", receiving());
  mail.world.settle_all();
  mail.world.ack_up_to(bob, 20);
  mail.world.pass_ms(60);
  mail.world.settle_all();
  std::uint64_t records = 0;
  for (const auto& [block, count] : walk(mail.world.state(), 5)) records += count;
  EXPECT_EQ(records, 20U) << "carol's";
}

TEST(NeededWalk, NamesOnlyBlocksBetweenItsBounds) {
  Mail mail;
  const Needed all = walk(mail.world.state(), 100);
  const Sequence begin = std::next(all.begin(), 5)->first;
  const Sequence end = std::next(all.begin(), 9)->first;
  EXPECT_EQ(walk(mail.world.state(), 4, begin, end),
            Needed(all.lower_bound(begin), all.lower_bound(end)));
}

}  // namespace
}  // namespace capstan
