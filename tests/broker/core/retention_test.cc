// Which segments are dropped, and which stay for a while. FORMAT.md §2.
#include <algorithm>

#include "traffic.h"

namespace capstan {
namespace {

using core_test::frequent_checkpoints;
using core_test::Peer;
using core_test::same_rows;
using core_test::small_segments;
using core_test::Traffic;

// ---- Drops ----

TEST(Retention, ASegmentWithUnsettledMailIsKept) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.pass_checkpoint();
  traffic.post(10);
  traffic.pass_checkpoint();
  EXPECT_TRUE(traffic.world.drops.empty());
}

TEST(Retention, ASettledSegmentIsKeptUntilACheckpointHasPassedIt) {
  Traffic traffic(small_segments());
  traffic.post(30);
  traffic.settle();
  traffic.post(1);
  EXPECT_TRUE(traffic.world.drops.empty());
}

TEST(Retention, WhatIsSettledAndCheckpointedIsDroppedAfterTheDecisionIsDurable) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.settle();
  traffic.world.pass_ms(1001);
  ASSERT_EQ(traffic.world.checkpoints.size(), 1U);
  const Checkpoint written = traffic.world.checkpoints.front();
  traffic.world.checkpoints.clear();
  traffic.world.tell(CheckpointDone{written.applied, std::nullopt});
  EXPECT_TRUE(traffic.world.drops.empty()) << "`dropping` is not durable yet";
  traffic.world.commit();
  ASSERT_FALSE(traffic.world.drops.empty());
  EXPECT_EQ(traffic.world.drops.front(), Sequence{1}) << "the oldest first";
  const Sequence open = traffic.world.state().segments().rbegin()->first;
  for (const Sequence& first : traffic.world.drops) {
    EXPECT_LT(first, open);
    EXPECT_EQ(traffic.world.state().segments().at(first), SegmentState::kDropping);
  }
  const std::size_t before = traffic.world.state().segments().size();
  for (const Sequence& first : traffic.world.drops) {
    traffic.world.tell(SegmentDropped{first, std::nullopt});
  }
  traffic.world.commit();
  EXPECT_EQ(traffic.world.state().segments().size(), before - traffic.world.drops.size());
}

// With many agents a snapshot is large, so that not every segment begins with one.
TEST(Retention, TheNewestSnapshotIsNeverDropped) {
  std::vector<std::string> agents{"alice", "bob"};
  for (int i = 0; i < 150; ++i) agents.push_back("agent-" + std::to_string(i));
  Traffic traffic(frequent_checkpoints(), agents);
  std::size_t dropped = 0;
  std::size_t without_snapshot = 0;
  for (int round = 0; round < 12; ++round) {
    traffic.post(12);
    traffic.settle();
    traffic.pass_checkpoint();
    const Sequence snapshot = traffic.world.state().snapshot();
    EXPECT_TRUE(traffic.world.state().segments().contains(snapshot));
    if (snapshot < traffic.world.state().segments().rbegin()->first) ++without_snapshot;
    for (const Sequence& first : traffic.world.drops) {
      EXPECT_LT(first, snapshot);
      traffic.world.tell(SegmentDropped{first, std::nullopt});
    }
    dropped += traffic.world.drops.size();
    traffic.world.drops.clear();
    traffic.world.commit();
  }
  EXPECT_GT(dropped, 0U) << "old segments do go";
  EXPECT_GT(without_snapshot, 0U);
}

TEST(Retention, AFailedDropIsAuditedAndFinishedAtTheNextStart) {
  Traffic traffic(frequent_checkpoints());
  traffic.post(30);
  traffic.settle();
  traffic.pass_checkpoint();
  ASSERT_FALSE(traffic.world.drops.empty());
  const auto dropping = traffic.world.drops;
  for (const Sequence& first : dropping) {
    traffic.world.tell(SegmentDropped{first, Error{ErrorCode::kIo, "test"}});
  }
  EXPECT_TRUE(traffic.world.audited("drop_failed"));
  traffic.world.commit();
  traffic.world.drops.clear();
  traffic.world.restart();
  EXPECT_EQ(traffic.world.drops, dropping);
}

TEST(Retention, ASettledSegmentGoesAlthoughAnOlderOneIsNeeded) {
  HubConfig config = frequent_checkpoints();
  config.cold_percent = 0;
  Traffic traffic(config, {"alice", "bob", "carol"});
  traffic.world.send(traffic.alice, ++traffic.number, "carol", "she never comes");
  traffic.world.commit();
  traffic.post(30);
  traffic.settle();
  traffic.pass_checkpoint();
  ASSERT_FALSE(traffic.world.drops.empty());
  EXPECT_GT(traffic.world.drops.front(), Sequence{1});
  EXPECT_EQ(traffic.world.state().segments().at(Sequence{1}), SegmentState::kSealed);
  EXPECT_TRUE(traffic.world.cold_parts.empty());
}

// ---- Retained ----

HubConfig keeping(RetentionKind kind, std::uint64_t limit) {
  HubConfig config = frequent_checkpoints();
  config.retention = {kind, limit};
  return config;
}

/// alice has posted 30 envelopes of 5,000 octets to bob, seven or so a segment, and bob has
/// acknowledged all of them.
struct Heard : Traffic {
  explicit Heard(RetentionKind kind, std::uint64_t limit) : Traffic(keeping(kind, limit)) {
    post(30);
    settle();
    pass_checkpoint();
  }
  [[nodiscard]] std::size_t sealed() const {
    const auto& segments = world.state().segments();
    return static_cast<std::size_t>(
        std::count_if(segments.begin(), segments.end(),
                      [](const auto& segment) { return segment.second == SegmentState::kSealed; }));
  }
  /// Destroys what the hub has given up.
  void drop_all() {
    for (const Sequence& first : std::exchange(world.drops, {})) {
      world.tell(SegmentDropped{first, std::nullopt});
    }
    world.commit();
  }
};

TEST(Retention, WithoutOneWhatIsHeardGoes) {
  const Heard heard(RetentionKind::kSettled, 0);
  EXPECT_EQ(heard.sealed(), 0U);
  EXPECT_GE(heard.world.drops.size(), 3U);
}

TEST(Retention, ForeverKeepsAllThatIsHeard) {
  Heard heard(RetentionKind::kForever, 0);
  heard.world.pass_ms(1'000'000'000);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
  EXPECT_GE(heard.sealed(), 3U);
}

TEST(Retention, ACountKeepsTheNewestOfTheHub) {
  Heard heard(RetentionKind::kCount, 15);
  ASSERT_FALSE(heard.world.drops.empty());
  EXPECT_EQ(heard.world.drops.front(), Sequence{1}) << "the oldest goes";
  std::uint64_t kept = 0;
  for (const auto& [first, state] : heard.world.state().segments()) {
    if (state != SegmentState::kDropping) kept += heard.world.state().contents_of(first).envelopes;
  }
  EXPECT_GE(kept, 15U);
  EXPECT_LT(kept, 15U + 8U) << "and no segment more";
}

TEST(Retention, BytesKeepTheNewestOfTheHub) {
  Heard heard(RetentionKind::kBytes, 60'000);
  ASSERT_FALSE(heard.world.drops.empty());
  std::uint64_t kept = 0;
  for (const auto& [first, state] : heard.world.state().segments()) {
    if (state != SegmentState::kDropping) kept += heard.world.state().contents_of(first).bytes;
  }
  EXPECT_GE(kept, 60'000U);
  EXPECT_LT(kept, 60'000U + 2 * core_test::kSegmentBytes);
}

// Nothing happens meanwhile, and no checkpoint comes.
TEST(Retention, WhatIsTooOldGoesByItselfWhenItsTimeHasCome) {
  Heard heard(RetentionKind::kAge, 100);
  EXPECT_TRUE(heard.world.drops.empty());
  const std::size_t sealed = heard.sealed();
  ASSERT_GE(sealed, 3U);
  for (int second = 0; second < 97; ++second) heard.world.pass_ms(1000);
  EXPECT_TRUE(heard.world.drops.empty());
  for (int second = 0; second < 4; ++second) heard.world.pass_ms(1000);
  heard.world.commit();
  EXPECT_EQ(heard.world.drops.size(), sealed);
}

TEST(Retention, AJumpOfTheWallClockMakesNothingTooOldForAMinute) {
  Heard heard(RetentionKind::kAge, 100);
  heard.world.now.wall_ns += 3600 * kNsPerSecond;
  heard.world.pass_ms(1000);
  heard.post(1);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
  for (int second = 0; second < 62; ++second) {
    heard.world.pass_ms(1000);
    heard.world.say(heard.alice, Ping{1});
  }
  heard.world.settle_all();
  EXPECT_FALSE(heard.world.drops.empty()) << "the clock goes on from there";
}

TEST(Retention, AStartKnowsHowMuchEachSegmentHolds) {
  Heard heard(RetentionKind::kCount, 15);
  heard.drop_all();
  heard.post(2);
  EXPECT_TRUE(same_rows(heard.world.recovered(), heard.world.state()));
  std::map<Sequence, SegmentContents> before;
  for (const auto& segment : heard.world.state().segments()) {
    before[segment.first] = heard.world.state().contents_of(segment.first);
  }
  heard.world.restart();
  for (const auto& [first, contents] : before) {
    EXPECT_EQ(heard.world.state().contents_of(first), contents) << first.value;
    EXPECT_GT(contents.envelopes, 0U) << first.value;
  }
}

TEST(Retention, TraceFindsWhatIsKeptAsSettled) {
  Traffic traffic(keeping(RetentionKind::kForever, 0));
  traffic.post(1);
  const EnvelopeId id = traffic.alice.take_one<Accept>().first_id;
  traffic.post(29);
  traffic.settle();
  traffic.pass_checkpoint();
  EXPECT_TRUE(traffic.world.drops.empty());
  Peer& admin = traffic.world.connect("operator", {}, AgentRole::kAdmin);
  const ParamMap which =
      ParamMap().set("envelope_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
  traffic.world.say(admin, Request{7, "trace", encode_params(which)});
  traffic.world.settle_all();
  const Response answer = admin.take_one<Response>();
  ASSERT_EQ(answer.code, ErrorCode::kOk) << answer.message;
  EXPECT_EQ(decode_params(answer.result)->text("state"), "settled");
}

TEST(Retention, WhatIsKeptIsNotThinnedEither) {
  HubConfig config = keeping(RetentionKind::kForever, 0);
  config.cold_percent = 90;
  Traffic traffic(config, {"alice", "bob", "carol"});
  traffic.world.send(traffic.alice, ++traffic.number, "carol", "she never comes");
  traffic.post(30);
  traffic.world.ack_up_to(traffic.bob, 30);
  traffic.world.pass_ms(60);
  traffic.world.settle_all();
  traffic.pass_checkpoint();
  for (int turn = 0; turn < 5; ++turn) traffic.world.pass_ms(2);
  EXPECT_TRUE(traffic.world.cold_parts.empty());
  EXPECT_TRUE(traffic.world.reads.empty());
}

TEST(Retention, StatusSaysWhatIsKeptByItAlone) {
  Heard heard(RetentionKind::kForever, 0);
  EXPECT_EQ(heard.world.counter("retained_segments"), heard.sealed());
  EXPECT_GT(heard.world.counter("retained_bytes"), 5000U * 7 * 3);
  heard.post(20);
  heard.pass_checkpoint();
  const std::uint64_t retained = heard.world.counter("retained_segments");
  EXPECT_LT(retained, heard.sealed()) << "what waits is kept for itself";
}

// ---- A low disk ----

TEST(Retention, WhileTheDiskIsLowTheOldestGivesWayOneAtATime) {
  Heard heard(RetentionKind::kCount, 1'000'000);
  ASSERT_TRUE(heard.world.drops.empty());
  heard.world.tell(DiskSpace{DiskState::kLow, 1});
  heard.world.commit();
  EXPECT_EQ(heard.world.drops, std::vector{Sequence{1}});
  EXPECT_TRUE(heard.world.audited("retention_gives_way"));
  heard.drop_all();
  heard.pass_checkpoint();
  ASSERT_EQ(heard.world.drops.size(), 1U) << "the next one, without any mail between";
  EXPECT_GT(heard.world.drops.front(), Sequence{1});
  heard.world.tell(DiskSpace{DiskState::kOk, 1'000'000'000});
  heard.drop_all();
  heard.post(1);
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty()) << "there is room again";
}

TEST(Retention, ForeverDoesNotGiveWay) {
  Heard heard(RetentionKind::kForever, 0);
  heard.world.tell(DiskSpace{DiskState::kFull, 1});
  heard.world.commit();
  heard.pass_checkpoint();
  EXPECT_TRUE(heard.world.drops.empty());
}

}  // namespace
}  // namespace capstan
