// The rows of checkpoints and snapshots. FORMAT.md §5.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "capstan/base/random.h"
#include "capstan/codec/envelope.h"
#include "capstan/core/state.h"

namespace capstan {
namespace {

using Rows = std::map<std::string, std::string>;

Rows rows_of(const State& state) {
  Rows rows;
  for (const StateRow& row : state.all_rows()) {
    EXPECT_TRUE(rows.emplace(row.key, row.value).second) << "a key stands once";
  }
  return rows;
}

/// Keys whose rows are not the same, for a message of readable length.
std::string difference(const Rows& a, const Rows& b) {
  std::string keys;
  const auto value = [](const Rows& rows, const std::string& key) {
    const auto at = rows.find(key);
    return at == rows.end() ? std::string("(none)") : to_hex(as_bytes(at->second));
  };
  Rows all = a;
  all.insert(b.begin(), b.end());
  for (const auto& entry : all) {
    const std::string& key = entry.first;
    if (value(a, key) != value(b, key)) keys += " " + key.substr(0, 1) + to_hex(as_bytes(key));
  }
  return keys;
}

/// What the journal does with a checkpoint: puts, then deletes, in one batch.
void write(Rows& rows, const Checkpoint& checkpoint) {
  for (const StateRow& row : checkpoint.puts) rows[row.key] = row.value;
  for (const std::string& key : checkpoint.deletes) rows.erase(key);
}

State loaded(const Rows& rows) {
  State state;
  for (const auto& [key, value] : rows) {
    EXPECT_TRUE(state.load_row(as_bytes(key), as_bytes(value)).ok()) << to_hex(as_bytes(key));
  }
  return state;
}

AgentId agent_id(std::uint64_t number) {
  AgentId id;
  id.bytes.fill(static_cast<std::uint8_t>(number));
  return id;
}

/// Random records, as a hub might write them, folded into a state.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    encode_envelope(Envelope{}, envelope_);
    for (std::uint64_t n = 1; n <= 3; ++n) {
      AgentRecord agent;
      agent.id = agent_id(n);
      agent.name = "agent-" + std::to_string(n);
      agent.key.fill(static_cast<std::uint8_t>(n));
      add(agent);
    }
  }

  /// A block of mail, settlements, skips, segments or gaps.
  void step() {
    const std::uint64_t to = 1 + random_.below(3);
    const ChannelId channel = mailbox_of(agent_id(to));
    const Position next = state.mailboxes().at(channel).next;
    switch (random_.below(12)) {
      case 0:
        add(SkippedRecord{{agent_id(to), 1 + random_.below(400)}, ++number_});
        break;
      case 1:
        segment();
        break;
      case 2:
        if (random_.one_in(10)) {
          const Sequence first{1000 * ++gaps_};
          add(Gap{first, first.plus(random_.below(3))});
        }
        break;
      case 3:
      case 4:
      case 5:
        if (next > Position{1}) {
          const Position first{1 + random_.below(next.value - 1)};
          const Position last{std::min(next.value - 1, first.value + random_.below(6))};
          add(SettledRecord{agent_id(to),
                            channel,
                            SettledWhy::kAcknowledged,
                            random_.below(500),
                            {{first, last}}});
        }
        break;
      default:
        mail(to, next);
    }
    if (random_.one_in(3)) end_block();
  }

  /// Checkpoints are taken between blocks.
  void end_block() {
    block_ = Block();
    block_.base = state.applied().plus(1);
  }

  State state;

 private:
  void mail(std::uint64_t to, Position position) {
    const Sequence sequence = state.applied().plus(1);
    ByteBuffer bytes = envelope_;
    stamp_envelope(bytes.data(), EnvelopeId::make(1000 + random_.below(2), 0, sequence), 5,
                   mailbox_of(agent_id(to)), agent_id(1));
    add(EnvelopeRecord{position, 1 + random_.below(3), ++number_, {}, bytes});
  }

  /// A new segment, or the next state of an old one; what is dropped never comes back.
  void segment() {
    const auto& segments = state.segments();
    if (segments.empty() || random_.one_in(3)) {
      add(SegmentRecord{Sequence{10 * ++segments_}, SegmentState::kOpen});
      return;
    }
    const auto& [first, now] =
        *std::next(segments.begin(), static_cast<std::ptrdiff_t>(random_.below(segments.size())));
    add(SegmentRecord{first, static_cast<SegmentState>(static_cast<unsigned>(now) + 1)});
  }

  template <typename Record>
  void add(const Record& record) {
    if (block_.base.value == 0) block_.base = Sequence{1};
    encode_record(record, block_.records);
    ++block_.record_count;
    ASSERT_TRUE(state.apply(block_).ok());
  }

  Random random_;
  Block block_;
  ByteBuffer envelope_;
  std::uint64_t number_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t segments_ = 0;
};

// ---- Refused ----

TEST(StateRows, RowsOfAnUnknownShapeAreDamage) {
  const std::string id(16, 'x');
  const std::string number(8, '\0');
  const Rows bad{{"", ""},
                 {"Z" + id, ""},
                 {"A" + id, "short"},
                 {"A", ""},
                 {"M" + id, "short"},
                 {"M" + id.substr(1), std::string(20, '\0')},
                 {"R" + id + number, ""},
                 {"R" + id + number, std::string(20, '\0')},  // A run of no envelopes.
                 {"P" + id + number, "short"},
                 {"P" + id, std::string(24, '\0')},
                 {"S" + number, ""},
                 {"S" + number.substr(1), std::string(25, '\0')},
                 {"S" + number + "x", std::string(25, '\0')},
                 {"S" + number, std::string(26, '\0')},
                 {"G" + number, "short"},
                 {"G", std::string(8, '\0')}};
  for (const auto& [key, value] : bad) {
    State state;
    const Status status = state.load_row(as_bytes(key), as_bytes(value));
    ASSERT_FALSE(status.ok()) << key.substr(0, 1) << " of " << key.size() << ", " << value.size();
    EXPECT_EQ(status.error().code, ErrorCode::kDamaged);
  }
}

/// Lengths that a row of runs may have been written with.
std::set<std::size_t> ends_of_runs(const std::string& value) {
  std::set<std::size_t> ends;
  Cursor in(as_bytes(value));
  MailRun run;
  while (!in.at_end()) {
    run = take_run(in, run);
    ends.insert(value.size() - in.remaining());
  }
  return ends;
}

TEST(StateRows, EveryTruncationOfARealRowIsDamage) {
  History history(5);
  for (int i = 0; i < 200; ++i) history.step();
  for (const auto& [key, value] : rows_of(history.state)) {
    // A row of runs may end behind any of them.
    const auto whole = key.front() == 'R' ? ends_of_runs(value) : std::set<std::size_t>();
    for (std::size_t length = 0; length < value.size(); ++length) {
      if (whole.count(length) != 0) continue;
      State state;
      EXPECT_FALSE(state.load_row(as_bytes(key), as_bytes(value.substr(0, length))).ok())
          << key.front() << " cut at " << length;
    }
  }
}

TEST(StateRows, NoChangedByteCrashes) {
  History history(6);
  for (int i = 0; i < 60; ++i) history.step();
  std::size_t refused = 0;
  for (const auto& [key, value] : rows_of(history.state)) {
    std::string changed = value;
    for (char& place : changed) {
      const char original = place;
      for (int bit = 0; bit < 8; ++bit) {
        place = static_cast<char>(original ^ (1 << bit));
        State state;
        refused += state.load_row(as_bytes(key), as_bytes(changed)).ok() ? 0U : 1U;
      }
      place = original;
    }
  }
  EXPECT_GT(refused, 0U);
}

// ---- Round trips ----

TEST(StateRows, AnEmptyStateHasNoRows) {
  State state;
  EXPECT_TRUE(state.all_rows().empty());
  EXPECT_FALSE(state.dirty());
  EXPECT_TRUE(state.take_dirty_rows().puts.empty());
}

TEST(StateRows, AllRowsLoadedAreTheSameState) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    History history(seed);
    for (int i = 0; i < 300; ++i) history.step();
    const Rows rows = rows_of(history.state);
    EXPECT_EQ(difference(rows_of(loaded(rows)), rows), "") << seed;
  }
}

// Goal: checkpoints, one on top of the other, are at every moment all that the state says.
TEST(StateRows, CheckpointsAddUpToTheWholeState) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    History history(seed);
    Rows disk;
    for (int checkpoint = 0; checkpoint < 10; ++checkpoint) {
      for (int i = 0; i < 60; ++i) history.step();
      history.end_block();
      const Checkpoint taken = history.state.take_dirty_rows();
      EXPECT_EQ(taken.applied, history.state.applied());
      EXPECT_FALSE(history.state.dirty());
      write(disk, taken);
      EXPECT_EQ(difference(rows_of(loaded(disk)), rows_of(history.state)), "")
          << "seed " << seed << " checkpoint " << checkpoint;
    }
  }
}

TEST(StateRows, ACheckpointAfterALoadAddsUpToo) {
  History history(3);
  Rows disk;
  for (int checkpoint = 0; checkpoint < 10; ++checkpoint) {
    for (int i = 0; i < 60; ++i) history.step();
    history.end_block();
    write(disk, history.state.take_dirty_rows());
    State again = loaded(disk);
    again.set_applied(history.state.applied());
    history.state = std::move(again);
  }
  EXPECT_EQ(difference(rows_of(loaded(disk)), rows_of(history.state)), "");
}

// A key stands in both lists when a producer was forgotten and came back between two checkpoints.
TEST(StateRows, TheNewestSnapshotIsKnownAfterALoad) {
  State state;
  for (const std::uint64_t first : {1U, 100U}) {
    Block block;
    block.base = Sequence{first};
    encode_marker_record(RecordType::kSnapshotBegin, block.records);
    encode_marker_record(RecordType::kSnapshotEnd, block.records);
    encode_record(SegmentRecord{Sequence{first}, SegmentState::kOpen}, block.records);
    encode_record(SegmentRecord{Sequence{first + 50}, SegmentState::kOpen}, block.records);
    block.record_count = 4;
    ASSERT_TRUE(state.apply(block).ok());
  }
  EXPECT_EQ(state.snapshot(), Sequence{100});
  EXPECT_EQ(loaded(rows_of(state)).snapshot(), Sequence{100});
}

TEST(StateRows, AProducerThatWasForgottenAndCameBackIsSaved) {
  State state;
  Block block;
  block.base = Sequence{1};
  const auto use = [&](std::uint64_t epoch) {
    encode_record(SkippedRecord{{agent_id(1), epoch}, 1}, block.records);
    ASSERT_TRUE(state.apply(block).ok());
  };
  for (std::uint64_t epoch = 1; epoch <= kProducersPerAgentMax + 1; ++epoch) use(epoch);
  ASSERT_EQ(state.find_producer({agent_id(1), 1}), nullptr);
  use(1);
  ASSERT_NE(state.find_producer({agent_id(1), 1}), nullptr);
  Rows disk;
  write(disk, state.take_dirty_rows());
  EXPECT_NE(loaded(disk).find_producer({agent_id(1), 1}), nullptr);
  EXPECT_EQ(loaded(disk).find_producer({agent_id(1), 2}), nullptr);
}

TEST(StateRows, ALongIndexIsSplitIntoRowsAndSettledOnesAreDeleted) {
  State state;
  ByteBuffer envelope;
  encode_envelope(Envelope{}, envelope);
  stamp_envelope(envelope.data(), {}, 5, mailbox_of(agent_id(2)), agent_id(1));
  constexpr std::uint64_t kRuns = 3000;
  for (std::uint64_t n = 1; n <= kRuns; ++n) {
    Block block;
    block.base = Sequence{n};
    encode_record(EnvelopeRecord{Position{n}, 0, 0, {}, envelope}, block.records);
    ASSERT_TRUE(state.apply(block).ok());
  }
  Rows disk;
  write(disk, state.take_dirty_rows());
  const auto index_rows = [&] {
    std::size_t count = 0;
    for (const auto& entry : disk) count += entry.first.front() == 'R' ? 1U : 0U;
    return count;
  };
  EXPECT_EQ(index_rows(), 3U);
  // One octet of span and one of block for each run.
  for (const auto& [key, value] : disk) EXPECT_LE(value.size(), 2 * 1024 + 16U);
  EXPECT_EQ(loaded(disk).mailboxes().at(mailbox_of(agent_id(2))).lanes[1],
            state.mailboxes().at(mailbox_of(agent_id(2))).lanes[1]);
  EXPECT_EQ(loaded(disk).index_bytes(), state.index_bytes());

  Block settlement;
  settlement.base = Sequence{kRuns + 1};
  encode_record(SettledRecord{agent_id(2),
                              mailbox_of(agent_id(2)),
                              SettledWhy::kAcknowledged,
                              0,
                              {{Position{1}, Position{2500}}}},
                settlement.records);
  ASSERT_TRUE(state.apply(settlement).ok());
  write(disk, state.take_dirty_rows());
  EXPECT_EQ(index_rows(), 1U);
  const State again = loaded(disk);
  EXPECT_EQ(again.mailboxes().at(mailbox_of(agent_id(2))).pending(), 500U);
  EXPECT_EQ(again.mailboxes().at(mailbox_of(agent_id(2))).lanes[1].size(), 500U);
}

// Goal: an index of mixed priorities, times and lost positions is the same after a start.
TEST(StateRows, AMixedIndexComesBackRunByRun) {
  State state;
  Random random(7);
  std::uint64_t position = 0;
  std::uint64_t sequence = 1;
  Rows disk;
  for (std::uint64_t block_number = 0; block_number < 4000; ++block_number) {
    Block block;
    block.base = Sequence{sequence};
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
      Envelope content;
      if (random.below(3) == 0) content.ttl_seconds = static_cast<std::uint32_t>(random.below(900));
      ByteBuffer envelope;
      encode_envelope(content, envelope);
      stamp_envelope(envelope.data(), {}, 5, mailbox_of(agent_id(2)), agent_id(1));
      position += random.below(20) == 0 ? 2U : 1U;
      EnvelopeRecord record{Position{position}, 0, 0, {}, envelope};
      record.priority = static_cast<Priority>(random.below(kPriorityCount));
      encode_record(record, block.records);
      ++sequence;
    }
    ASSERT_TRUE(state.apply(block).ok());
    if (random.below(500) == 0) write(disk, state.take_dirty_rows());
  }
  write(disk, state.take_dirty_rows());
  const State from_checkpoint = loaded(disk);
  const State from_snapshot = loaded(rows_of(state));
  for (std::size_t lane = 0; lane < kPriorityCount; ++lane) {
    const auto lane_of = [&](const State& some) -> const MailRuns& {
      return some.mailboxes().at(mailbox_of(agent_id(2))).lanes[lane];
    };
    EXPECT_GT(lane_of(state).size(), 1024U);
    EXPECT_EQ(lane_of(from_checkpoint), lane_of(state));
    EXPECT_EQ(lane_of(from_snapshot), lane_of(state));
  }
}

TEST(StateRows, RowsComeInTheOrderOfTheirKeys) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    History fold(seed);
    for (int step = 0; step < 300; ++step) fold.step();
    std::string before;
    fold.state.for_each_row([&](const StateRow& row) {
      EXPECT_LT(before, row.key) << "seed " << seed;
      before = row.key;
    });
    EXPECT_FALSE(before.empty());
  }
}

}  // namespace
}  // namespace capstan
