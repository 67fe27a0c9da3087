// The fold of the WAL.
#include "capstan/core/state.h"

#include <gtest/gtest.h>

#include "capstan/codec/envelope.h"

namespace capstan {
namespace {

AgentId agent_id(std::uint8_t number) {
  AgentId id;
  id.bytes.fill(number);
  return id;
}

/// Applies one record after the other, each in a block of its own.
class Fold {
 public:
  template <typename Record>
  Status try_record(const Record& record) {
    Block block;
    block.base = next_;
    block.record_count = 1;
    encode_record(record, block.records);
    ++next_;
    return state.apply(block);
  }
  template <typename Record>
  Sequence record(const Record& fields) {
    const Sequence at = next_;
    EXPECT_TRUE(try_record(fields).ok());
    return at;
  }
  Sequence agent(std::uint8_t number, const std::string& name) {
    AgentRecord fields;
    fields.id = agent_id(number);
    fields.name = name;
    return record(fields);
  }
  /// An envelope from agent 1 to `to`.
  Sequence mail(std::uint8_t to, std::uint64_t position, std::uint64_t number = 0) {
    ByteBuffer bytes = envelope;
    const EnvelopeId id = EnvelopeId::make(1000, 0, next_);
    stamp_envelope(bytes.data(), id, 5, mailbox_of(agent_id(to)), agent_id(1));
    return record(EnvelopeRecord{Position{position}, number == 0 ? 0U : 7U, number, {}, bytes});
  }
  void settle(std::uint8_t of, std::vector<Interval> intervals, std::uint64_t bytes = 0) {
    record(SettledRecord{agent_id(of), mailbox_of(agent_id(of)), SettledWhy::kAcknowledged, bytes,
                         std::move(intervals)});
  }
  const Mailbox& mailbox(std::uint8_t of) { return state.mailboxes().at(mailbox_of(agent_id(of))); }

  State state;
  ByteBuffer envelope = [] {
    ByteBuffer bytes;
    encode_envelope(Envelope{}, bytes);
    return bytes;
  }();

 private:
  Sequence next_{1};
};

Interval positions(std::uint64_t first, std::uint64_t last) {
  return {Position{first}, Position{last}};
}

// ---- Refused ----

TEST(State, ARecordOfAnUnknownTypeIsDamage) {
  for (const unsigned type : {0U, 11U, 77U, 255U}) {
    Block block;
    block.base = Sequence{1};
    block.record_count = 1;
    encode_marker_record(static_cast<RecordType>(type), block.records);
    State state;
    const Status status = state.apply(block);
    ASSERT_FALSE(status.ok()) << type;
    EXPECT_EQ(status.error().code, ErrorCode::kDamaged);
  }
}

TEST(State, ARecordOfAnotherShapeIsDamage) {
  for (unsigned type = 1; type <= 9; ++type) {
    if (type == 8) continue;  // A snapshot begins without a payload.
    Block block;
    block.base = Sequence{1};
    block.record_count = 1;
    block.records = {2, 0, 0, 0, static_cast<std::uint8_t>(type), 0, 0, 0, 0xff, 0xff};
    State state;
    const Status status = state.apply(block);
    ASSERT_FALSE(status.ok()) << type;
    EXPECT_EQ(status.error().code, ErrorCode::kDamaged);
    EXPECT_NE(status.error().context.find("record 1 "), std::string::npos);
  }
}

TEST(State, ARecordLongerThanItsBlockIsDamage) {
  Block block;
  block.base = Sequence{1};
  block.records = {200, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3};
  State state;
  ASSERT_FALSE(state.apply(block).ok());
  EXPECT_EQ(state.applied(), Sequence{0});
}

// ---- Agents and mail ----

TEST(State, AnAgentIsFoundByItsIdAndItsNameAndHasAMailbox) {
  Fold fold;
  fold.agent(1, "alice");
  ASSERT_NE(fold.state.find_agent(agent_id(1)), nullptr);
  EXPECT_EQ(fold.state.find_agent("alice"), fold.state.find_agent(agent_id(1)));
  EXPECT_EQ(fold.state.find_agent("bob"), nullptr);
  EXPECT_EQ(fold.state.find_agent(agent_id(2)), nullptr);
  EXPECT_NE(fold.state.find_mailbox(mailbox_of(agent_id(1))), nullptr);
  EXPECT_EQ(fold.state.find_mailbox(mailbox_of(agent_id(2))), nullptr);
}

TEST(State, MailIsPendingUntilItIsSettled) {
  Fold fold;
  fold.agent(2, "bob");
  for (std::uint64_t position = 1; position <= 5; ++position) fold.mail(2, position);
  EXPECT_EQ(fold.mailbox(2).pending(), 5U);
  EXPECT_EQ(fold.mailbox(2).next, Position{6});
  EXPECT_EQ(fold.mailbox(2).pending_bytes, 5 * fold.envelope.size());
  EXPECT_EQ(fold.mailbox(2).lanes[1].size(), 5U);
  fold.settle(2, {positions(2, 2), positions(4, 5)}, 3 * fold.envelope.size());
  EXPECT_EQ(fold.mailbox(2).pending(), 2U);
  EXPECT_EQ(fold.mailbox(2).lanes[1].size(), 5U) << "what lies before is not settled";
  fold.settle(2, {positions(1, 1)}, fold.envelope.size());
  EXPECT_EQ(fold.mailbox(2).lanes[1].size(), 3U);
  fold.settle(2, {positions(3, 3)}, fold.envelope.size());
  EXPECT_EQ(fold.mailbox(2).pending(), 0U);
  EXPECT_EQ(fold.mailbox(2).pending_bytes, 0U);
  EXPECT_TRUE(fold.mailbox(2).lanes[1].empty());
}

TEST(State, TheIndexIsCountedAsItGrowsAndShrinks) {
  Fold fold;
  fold.agent(2, "bob");
  const auto counted = [&] {
    std::uint64_t bytes = 0;
    for (const MailRuns& lane : fold.mailbox(2).lanes) bytes += lane.bytes();
    return bytes;
  };
  EXPECT_EQ(fold.state.index_bytes(), 0U);
  for (std::uint64_t position = 1; position <= 500; ++position) fold.mail(2, position);
  const std::uint64_t full = fold.state.index_bytes();
  EXPECT_GT(full, 500U);
  EXPECT_EQ(full, counted());
  fold.settle(2, {positions(1, 400)}, 400 * fold.envelope.size());
  EXPECT_LT(fold.state.index_bytes(), full);
  EXPECT_EQ(fold.state.index_bytes(), counted());
}

TEST(State, RecordsThatAreAppliedAlreadyAreNotAppliedAgain) {
  Fold fold;
  fold.agent(2, "bob");
  Block block;
  block.base = Sequence{2};
  block.record_count = 2;
  for (std::uint64_t position = 1; position <= 2; ++position) {
    ByteBuffer bytes = fold.envelope;
    stamp_envelope(bytes.data(), {}, 5, mailbox_of(agent_id(2)), agent_id(1));
    encode_record(EnvelopeRecord{Position{position}, 0, 0, {}, bytes}, block.records);
  }
  ASSERT_TRUE(fold.state.apply(block).ok());
  ASSERT_TRUE(fold.state.apply(block).ok());
  EXPECT_EQ(fold.mailbox(2).pending(), 2U);
  ASSERT_EQ(fold.mailbox(2).lanes[1].size(), 1U);
  EXPECT_EQ(fold.mailbox(2).lanes[1].front(), (MailRun{Sequence{2}, Position{1}, 2}));
  EXPECT_EQ(fold.state.applied(), Sequence{3});
}

TEST(State, NumbersOfAProducerAreSettledByMailAndBySkips) {
  Fold fold;
  fold.agent(2, "bob");
  fold.mail(2, 1, 1);
  fold.record(SkippedRecord{{agent_id(1), 7}, 2});
  fold.mail(2, 2, 4);
  const Producer* producer = fold.state.find_producer({agent_id(1), 7});
  ASSERT_NE(producer, nullptr);
  EXPECT_EQ(producer->floor(), 2U);
  EXPECT_FALSE(producer->is_settled(3));
  EXPECT_TRUE(producer->is_settled(4));
  EXPECT_EQ(producer->id_of(2), EnvelopeId{});
  EXPECT_EQ(fold.state.find_producer({agent_id(1), 8}), nullptr);
}

TEST(State, OfOneAgentsProducersTheLongestUnusedIsForgotten) {
  Fold fold;
  const auto use = [&](std::uint64_t epoch, std::uint64_t number, std::uint8_t agent = 1) {
    fold.record(SkippedRecord{{agent_id(agent), epoch}, number});
  };
  use(999, 1, 2);
  for (std::uint64_t epoch = 1; epoch <= kProducersPerAgentMax; ++epoch) use(epoch, 1);
  use(1, 2);
  use(1000, 1);
  const auto knows = [&](std::uint64_t epoch, std::uint8_t agent = 1) {
    return fold.state.find_producer({agent_id(agent), epoch}) != nullptr;
  };
  EXPECT_TRUE(knows(1));
  EXPECT_FALSE(knows(2));
  EXPECT_TRUE(knows(3));
  EXPECT_TRUE(knows(1000));
  EXPECT_TRUE(knows(999, 2)) << "other agents have their own";
}

// ---- Segments ----

TEST(State, SegmentsAreKnownUntilTheyAreDropped) {
  Fold fold;
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kOpen});
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kSealed});
  fold.record(SegmentRecord{Sequence{50}, SegmentState::kOpen});
  using Segments = std::map<Sequence, SegmentState>;
  EXPECT_EQ(fold.state.segments(),
            (Segments{{Sequence{1}, SegmentState::kSealed}, {Sequence{50}, SegmentState::kOpen}}));
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kDropping});
  EXPECT_EQ(fold.state.segments().size(), 2U);
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kDropped});
  EXPECT_EQ(fold.state.segments(), (Segments{{Sequence{50}, SegmentState::kOpen}}));
}

TEST(State, MailIsCountedWithTheSegmentThatItStandsIn) {
  Fold fold;
  fold.agent(2, "bob");
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kOpen});
  fold.mail(2, 1);
  fold.mail(2, 2);
  const SegmentContents first = fold.state.contents_of(Sequence{1});
  EXPECT_EQ(first.envelopes, 2U);
  EXPECT_EQ(first.bytes, 2 * (kEnvelopeRecordHeaderBytes + fold.envelope.size()));
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kSealed});
  fold.record(SegmentRecord{Sequence{50}, SegmentState::kOpen});
  fold.mail(2, 3);
  fold.settle(2, {positions(1, 3)});
  EXPECT_EQ(fold.state.contents_of(Sequence{1}), first) << "whatever has become of it";
  EXPECT_EQ(fold.state.contents_of(Sequence{50}).envelopes, 1U);
  fold.record(SegmentRecord{Sequence{1}, SegmentState::kDropped});
  EXPECT_EQ(fold.state.contents_of(Sequence{1}), SegmentContents{});
}

// ---- Gaps ----

TEST(State, MailThatStoodInAGapIsSettledForEachAgent) {
  Fold fold;
  fold.agent(2, "bob");
  fold.agent(3, "carol");
  fold.mail(2, 1);
  const Sequence lost = fold.mail(2, 2);
  fold.mail(3, 1);
  fold.mail(3, 2);
  const Gap gap{lost, lost.plus(1)};
  auto settled = fold.state.settled_by_gap(gap);
  ASSERT_EQ(settled.size(), 2U);
  for (const SettledRecord& record : settled) {
    EXPECT_EQ(record.why, SettledWhy::kGap);
    const bool bob = record.agent == agent_id(2);
    EXPECT_EQ(record.intervals, std::vector<Interval>{bob ? positions(2, 2) : positions(1, 1)});
  }
}

TEST(State, NoPositionIsGivenOutTwiceAfterAGap) {
  Fold fold;
  fold.agent(2, "bob");
  fold.mail(2, 1);
  fold.mail(2, 2);
  // Five records are lost. Any of them may have been mail for bob that he has seen.
  fold.record(Gap{Sequence{4}, Sequence{8}});
  EXPECT_GE(fold.mailbox(2).next, Position{8});
  EXPECT_EQ(fold.mailbox(2).pending(), 2U) << "lost positions are not waited for";
  EXPECT_EQ(fold.state.gaps(), (std::set<Gap>{{Sequence{4}, Sequence{8}}}));
}

// Two rows of one key would be a state that no start can make again.
TEST(State, AGapThatIsLargerTheSecondTimeHasOneRow) {
  Fold fold;
  for (const std::uint64_t last : {5U, 8U, 4U}) fold.record(Gap{Sequence{4}, Sequence{last}});
  fold.record(Gap{Sequence{9}, Sequence{9}});
  const std::set<Gap> gaps{{Sequence{4}, Sequence{8}}, {Sequence{9}, Sequence{9}}};
  EXPECT_EQ(fold.state.gaps(), gaps);
  const std::vector<StateRow> rows = fold.state.all_rows();
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                          [](const StateRow& row) { return row.key.front() == 'G'; }),
            2);
}

TEST(State, PositionsThatAreMissingInTheReplayAreSettled) {
  Fold fold;
  fold.agent(2, "bob");
  fold.mail(2, 1);
  fold.mail(2, 6);  // Two to five stood in a block that is lost.
  EXPECT_EQ(fold.mailbox(2).pending(), 2U);
  fold.settle(2, {positions(1, 1), positions(6, 6)});
  EXPECT_EQ(fold.mailbox(2).pending(), 0U);
  EXPECT_TRUE(fold.mailbox(2).lanes[1].empty());
}

TEST(State, WhenNothingIsPendingNoBytesAre) {
  Fold fold;
  fold.agent(2, "bob");
  fold.mail(2, 1);
  fold.mail(2, 2);
  fold.settle(2, {positions(1, 1)}, fold.envelope.size());
  // A gap's settlement does not know how many bytes were lost.
  fold.record(
      SettledRecord{agent_id(2), mailbox_of(agent_id(2)), SettledWhy::kGap, 0, {positions(2, 2)}});
  EXPECT_EQ(fold.mailbox(2).pending(), 0U);
  EXPECT_EQ(fold.mailbox(2).pending_bytes, 0U);
}

}  // namespace
}  // namespace capstan
