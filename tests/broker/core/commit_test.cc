// The record, its fold, and the commit as a whole.
#include "hub_world.h"

namespace capstan {
namespace {

using core_test::Peer;
using core_test::posting;
using core_test::receiving;
using core_test::World;

/// alice, ready to post.
struct Poster {
  Poster() { world.attach(alice, "alice", posting()); }
  void send(std::size_t bytes = 1) { world.send(alice, ++number, "bob", std::string(bytes, 'x')); }
  World world;
  Peer& alice = world.connect("alice");
  std::uint64_t number = 0;
};

std::vector<EnvelopeId> ids_on_disk(const World& world) {
  std::vector<EnvelopeId> ids;
  for (const RecordView& record : world.records()) {
    if (const auto envelope =
            record.type == RecordType::kEnvelope ? decode_envelope_record(record) : std::nullopt) {
      ids.push_back(stamped_id(envelope->envelope));
    }
  }
  return ids;
}

TEST(Commit, IdsGrowStrictlyAlsoWhenTheWallClockStepsBack) {
  Poster poster;
  for (int step = 0; step < 6; ++step) {
    poster.send();
    poster.send();
    poster.world.commit();
    if (step % 2 == 0) poster.world.now.wall_ns -= 3600 * kNsPerSecond;
    poster.world.now.wall_ns += 5;
  }
  const auto ids = ids_on_disk(poster.world);
  ASSERT_EQ(ids.size(), 12U);
  for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_LT(ids[i - 1], ids[i]) << i;
}

TEST(Commit, IdsGrowAcrossARestartWithAClockThatWentBack) {
  Poster poster;
  poster.send();
  poster.world.commit();
  poster.world.now.wall_ns = 1;
  poster.world.restart();
  Peer& alice = poster.world.connect("alice");
  core_test::Binding binding = posting();
  binding.first_number = 2;
  poster.world.attach(alice, "alice", binding);
  poster.world.send(alice, 2, "bob", "two");
  poster.world.commit();
  const auto ids = ids_on_disk(poster.world);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_LT(ids[0], ids[1]);
  EXPECT_LT(ids[0].clock_ns(), ids[1].clock_ns()) << "above the durable ceiling";
}

TEST(Commit, EveryCommitSaysAboveWhichTimeNoIdWasGiven) {
  Poster poster;
  for (int i = 0; i < 4; ++i) {
    if (i % 2 == 1) poster.world.now.wall_ns -= 6000;
    poster.world.now.wall_ns += 1000;
    poster.send();
    ASSERT_EQ(poster.world.commits.size(), 1U);
    const std::uint64_t ceiling = poster.world.commits.front().id_time_ceiling_ns;
    EXPECT_LE(ids_on_disk(poster.world).back().clock_ns(), ceiling);
    poster.world.commit();
  }
}

TEST(Commit, AnIdHoldsTheSequenceOfItsRecord) {
  Poster poster;
  poster.send();
  poster.world.commit();
  for (const Commit& commit : poster.world.durable) {
    for (const SharedBlock& block : commit.blocks) {
      RecordReader reader(*block);
      while (const auto record = reader.next()) {
        if (record->type != RecordType::kEnvelope) continue;
        const auto envelope = decode_envelope_record(*record);
        ASSERT_TRUE(envelope.has_value());
        EXPECT_EQ(stamped_id(envelope->envelope).sequence(), record->sequence);
        EXPECT_EQ(envelope->epoch, 7U);
        EXPECT_EQ(envelope->number, 1U);
        EXPECT_EQ(envelope->position, Position{1});
      }
    }
  }
  EXPECT_EQ(ids_on_disk(poster.world).size(), 1U);
}

TEST(Commit, WhatComesDuringASyncGathersForTheNext) {
  Poster poster;
  for (int i = 0; i < 10; ++i) poster.send();
  EXPECT_EQ(poster.world.commits.size(), 1U);
  poster.world.commit_one();
  ASSERT_EQ(poster.world.commits.size(), 1U);
  EXPECT_EQ(poster.world.commits.front().blocks.front()->record_count, 9U);
  const Accept first = poster.alice.take_one<Accept>();
  EXPECT_EQ(first.count, 1U);
  poster.world.commit_one();
  const Accept rest = poster.alice.take_one<Accept>();
  EXPECT_EQ(rest.first_number, 2U);
  EXPECT_EQ(rest.count, 9U) << "consecutive numbers are one frame";
}

TEST(Commit, ALargeSecondCommitDoesNotWaitForTheFirstAndAThirdDoes) {
  Poster poster;
  poster.send();
  EXPECT_EQ(poster.world.commits.size(), 1U);
  poster.send(200'000);
  EXPECT_EQ(poster.world.commits.size(), 1U) << "not worth a sync of its own yet";
  poster.send(200'000);
  EXPECT_EQ(poster.world.commits.size(), 2U);
  for (int i = 0; i < 5; ++i) poster.send(200'000);
  EXPECT_EQ(poster.world.commits.size(), 2U);
  poster.world.commit();
  EXPECT_EQ(poster.world.pending("bob"), 8U);
}

TEST(Commit, OneBodyPartIsOneCommitOfSeveralBlocks) {
  Poster poster;
  const ByteBuffer envelope = poster.world.envelope_bytes("bob", std::string(30'000, 'x'));
  BodyWriter body;
  for (std::uint64_t n = 1; n <= 10; ++n) body.write(SendView{1, n, envelope});
  poster.world.feed(poster.alice, body.take());
  ASSERT_EQ(poster.world.commits.size(), 1U);
  EXPECT_EQ(poster.world.commits.front().blocks.size(), 5U);
  poster.world.commit();
  EXPECT_EQ(poster.alice.take_one<Accept>().count, 10U);
}

TEST(Commit, ATurnWithoutAnythingNewWritesNothing) {
  World world;
  Peer& bob = world.connect("bob");
  world.attach(bob, "bob", receiving());
  const std::size_t before = world.durable.size();
  world.pass_ms(1000);
  world.say(bob, Ping{1});
  world.commit();
  EXPECT_EQ(world.durable.size(), before);
}

}  // namespace
}  // namespace capstan
