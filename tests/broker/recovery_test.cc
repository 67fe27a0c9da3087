// From the journal on disk to the state in memory, with the real journal on a disk in memory.
#include "recovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "memory_env.h"

namespace capstan {
namespace {

constexpr ConnectionId kAlice{0, 1};
constexpr ConnectionId kBob{1, 1};

AdmittedKey key_of(const std::string& name) {
  AdmittedKey key;
  key.name = name;
  key.key.fill(static_cast<std::uint8_t>(name.front()));
  key.names = {name};
  return key;
}

/// One life of a hub on a journal: effects are carried out at once, each in its place.
class Life {
 public:
  explicit Life(MemoryEnv& disk, std::uint64_t segment_bytes = 256 << 20) {
    JournalOptions options;
    options.directory = "/data";
    options.env = &disk;
    options.write_buffer_bytes = 1 << 20;
    auto opened = JournalStore::open(options);
    EXPECT_TRUE(opened.ok());
    store = std::move(*opened);
    auto recovered = recover_state(*store);
    EXPECT_TRUE(recovered.ok()) << recovered.error().text();
    start = recovered->start;
    summary = recovered->summary;
    for (const StateRow& row : recovered->state.all_rows()) rows_found[row.key] = row.value;
    HubConfig config;
    config.segment_bytes_max = segment_bytes;
    config.checkpoint_interval_ms = 1000;
    Effects effects;
    hub = std::make_unique<Hub>(config, std::move(recovered->state), start, now, effects);
    carry_out(effects);
    tell({KeysChanged{{key_of("alice"), key_of("bob")}}});
    tell({PeerOpened{kAlice, key_of("alice"), false}, PeerOpened{kBob, key_of("bob"), false}});
    say(kAlice, Hello{1, 0, {}, "test"});
    say(kBob, Hello{1, 0, {}, "test"});
  }

  void post(std::uint64_t first, std::uint64_t last, std::size_t bytes = 10) {
    say(kAlice, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 7, first});
    for (std::uint64_t n = first; n <= last; ++n) {
      Envelope envelope;
      envelope.channel_id = mailbox_of(hub->state().find_agent("bob")->id);
      std::string text = std::to_string(n) + " ";
      text.resize(std::max(bytes, text.size()), 'x');
      envelope.event_data = encode_text_event(text);
      ByteBuffer encoded;
      encode_envelope(envelope, encoded);
      say(kAlice, SendView{1, n, encoded});
    }
  }
  /// The numbers that bob is sent, from the oldest unacknowledged on.
  std::vector<std::uint64_t> receive() {
    heard.clear();
    say(kBob, Attach{1, 1, "bob", AttachMode::kReceive, {}, 1'000'000, 1 << 30, 0, 1});
    return heard;
  }
  void acknowledge_up_to(std::uint64_t delivery) {
    say(kBob, Receipt{1, ReceiptKind::kAckUpTo, delivery, {}, 0});
    pass_ms(60);
  }
  void pass_ms(std::uint64_t ms) {
    now.monotonic_ns += ms * kNsPerMs;
    now.wall_ns += ms * kNsPerMs;
    tell({Tick{}});
  }
  /// Rows of the state as it is now.
  [[nodiscard]] std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> rows;
    for (const StateRow& row : hub->state().all_rows()) rows[row.key] = row.value;
    return rows;
  }

  Time now{1'000 * kNsPerSecond, 1'700'000'000 * kNsPerSecond};
  std::unique_ptr<JournalStore> store;
  std::unique_ptr<Hub> hub;
  HubStart start;
  RecoverySummary summary;
  std::map<std::string, std::string> rows_found;
  std::vector<std::uint64_t> heard;
  std::uint64_t accepted = 0;
  bool drops_are_left_undone = false;
  std::size_t drops = 0;

 private:
  template <typename Frame>
  void say(ConnectionId from, const Frame& frame) {
    BodyWriter body;
    body.write(frame);
    const ByteBuffer bytes = body.take();
    tell({FramesArrived{from, bytes}});
  }
  void tell(const std::vector<Event>& events) {
    Effects effects;
    hub->handle(now, events, effects);
    carry_out(effects);
  }
  void carry_out(Effects& effects) {
    std::vector<Event> answers;
    for (Effect& effect : effects) {
      if (auto* write = std::get_if<WriteCommit>(&effect)) {
        EXPECT_TRUE(store->commit(write->commit).ok());
        answers.push_back(Committed{write->commit.number});
      } else if (auto* checkpoint = std::get_if<WriteCheckpoint>(&effect)) {
        EXPECT_TRUE(store->write_checkpoint(checkpoint->checkpoint).ok());
        answers.push_back(CheckpointDone{checkpoint->checkpoint.applied, std::nullopt});
      } else if (auto* read = std::get_if<ReadBlocks>(&effect)) {
        auto blocks = store->read(read->bases);
        if (blocks) {
          answers.push_back(ReadDone{read->read, *std::move(blocks), std::nullopt});
        } else {
          answers.push_back(ReadDone{read->read, {}, blocks.error()});
        }
      } else if (auto* drop = std::get_if<DropSegment>(&effect)) {
        ++drops;
        if (drops_are_left_undone) continue;
        EXPECT_TRUE(store->drop_segment(drop->first).ok());
        answers.push_back(SegmentDropped{drop->first, std::nullopt});
      } else if (auto* send = std::get_if<SendBody>(&effect)) {
        listen(send->body);
      }
    }
    if (!answers.empty()) tell(answers);
  }
  void listen(const ByteBuffer& body) {
    FrameRow row(body);
    while (const auto frame = row.next()) {
      if (const auto accept = decode_accept(*frame)) accepted += accept->count;
      if (const auto notify = decode_notify(*frame)) {
        const auto envelope = decode_envelope(notify->envelope);
        ASSERT_TRUE(envelope.ok());
        heard.push_back(std::stoull(*decode_text_event(envelope->event_data)));
      }
    }
  }
};

using Numbers = std::vector<std::uint64_t>;

std::size_t files_below(const MemoryEnv& disk, const std::string& folder) {
  std::size_t count = 0;
  for (const std::string& path : disk.files()) count += path.rfind(folder, 0) == 0 ? 1U : 0U;
  return count;
}

/// Flips a bit in every place where this content lies on the disk.
void damage(MemoryEnv& disk, const std::string& content) {
  std::size_t hits = 0;
  for (const std::string& path : disk.files()) {
    const std::size_t at = disk.content(path).find(content);
    if (at == std::string::npos) continue;
    disk.flip_bit(path, at, 3);
    ++hits;
  }
  ASSERT_GT(hits, 0U);
}

TEST(Recovery, AnEmptyFolderIsAnEmptyHub) {
  MemoryEnv disk;
  const Life life(disk);
  EXPECT_TRUE(life.rows_found.empty());
  EXPECT_EQ(life.start.last_commit, CommitNumber{0});
  EXPECT_EQ(life.start.last_sequence, Sequence{0});
  EXPECT_TRUE(life.start.gaps.empty());
  EXPECT_EQ(life.start.open_segment_bytes, 0U);
}

TEST(Recovery, WhatWasAcceptedIsThereAfterAPowerCut) {
  MemoryEnv disk;
  {
    Life life(disk);
    life.post(1, 20);
    EXPECT_EQ(life.accepted, 20U);
    EXPECT_EQ(life.receive().size(), 20U);
    life.acknowledge_up_to(5);
  }
  Random random(3);
  disk.crash(random);
  Life again(disk);
  EXPECT_TRUE(again.start.gaps.empty());
  EXPECT_EQ(again.receive(), (Numbers{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
  again.post(1, 21);
  EXPECT_EQ(
      again.hub->state().find_producer({again.hub->state().find_agent("alice")->id, 7})->floor(),
      21U);
  EXPECT_EQ(again.heard.back(), 21U);
  EXPECT_EQ(again.heard.size(), 16U) << "repetitions are stored once";
}

TEST(Recovery, TheStateFoundIsTheStateThatWas) {
  MemoryEnv disk;
  std::map<std::string, std::string> before;
  Sequence applied;
  {
    Life life(disk, 50'000);
    for (std::uint64_t round = 0; round < 8; ++round) {
      life.post(round * 10 + 1, round * 10 + 10, 2000);
      (void)life.receive();
      life.acknowledge_up_to(7);
      if (round == 5) life.pass_ms(1500);
    }
    before = life.rows();
    applied = life.hub->state().applied();
    EXPECT_GT(life.hub->state().segments().size(), 1U);
  }
  Life again(disk, 50'000);
  EXPECT_EQ(again.rows_found, before);
  EXPECT_EQ(again.start.last_sequence, applied);
  EXPECT_GT(again.summary.applied, Sequence{0}) << "a checkpoint was used";
  EXPECT_GT(again.summary.replayed_blocks, 0U) << "and records after it";
  EXPECT_GT(again.start.open_segment_bytes, 0U);
  EXPECT_LE(again.start.open_segment_bytes, 200'000U) << "of the newest segment alone";
}

TEST(Recovery, IdsGoOnAboveThoseOfTheLastLife) {
  MemoryEnv disk;
  std::uint64_t ceiling = 0;
  {
    Life life(disk);
    life.post(1, 3);
    ceiling = life.now.wall_ns;
  }
  Life again(disk);
  EXPECT_GE(again.start.id_time_ceiling_ns, ceiling);
}

TEST(Recovery, DamageIsAGapThatIsRecordedOnceAndTheRestIsDelivered) {
  MemoryEnv disk;
  const std::string marked = "4 " + std::string(1998, 'x');
  {
    Life life(disk);
    life.post(1, 8, 2000);
  }
  damage(disk, marked);
  std::set<Gap> gaps;
  {
    Life again(disk);
    ASSERT_EQ(again.start.gaps.size(), 1U);
    gaps = again.hub->state().gaps();
    EXPECT_EQ(gaps, std::set<Gap>{again.start.gaps.front()});
    EXPECT_EQ(again.receive(), (Numbers{1, 2, 3, 5, 6, 7, 8}));
    again.acknowledge_up_to(100);
    EXPECT_EQ(again.hub->state().lowest_unsettled(Sequence{1'000'000}), Sequence{1'000'000});
    // What comes next gets positions that nobody had before.
    again.post(9, 9);
    EXPECT_EQ(again.heard.back(), 9U);
  }
  Life third(disk);
  EXPECT_TRUE(third.start.gaps.empty()) << "an earlier start has recorded it";
  EXPECT_EQ(third.hub->state().gaps(), gaps);
  EXPECT_EQ(third.receive(), Numbers{9});
}

TEST(Recovery, ASegmentThatIsMissingIsAGapOverAllOfIt) {
  MemoryEnv disk;
  Sequence lost;
  Sequence next;
  {
    Life life(disk, 50'000);
    life.post(1, 100, 2000);
    ASSERT_GE(life.hub->state().segments().size(), 3U);
    auto second = std::next(life.hub->state().segments().begin());
    lost = second->first;
    next = std::next(second)->first;
    life.pass_ms(1500);
  }
  std::string digits = std::to_string(lost.value);
  digits.insert(0, 20 - digits.size(), '0');
  const std::string folder = "/data/journal/" + digits + "/";
  ASSERT_GT(files_below(disk, folder), 0U);
  for (const std::string& path : disk.files()) {
    if (path.rfind(folder, 0) != 0) continue;
    ASSERT_TRUE(disk.RemoveFile(path).ok());
  }
  ASSERT_TRUE(disk.RemoveDir(folder.substr(0, folder.size() - 1)).ok());
  Life again(disk, 50'000);
  const Gap whole{lost, Sequence{next.value - 1}};
  ASSERT_EQ(again.start.gaps.size(), 1U);
  EXPECT_EQ(again.start.gaps.front(), whole);
  const Numbers received = again.receive();
  EXPECT_EQ(received.front(), 1U);
  EXPECT_EQ(received.back(), 100U);
  EXPECT_LT(received.size(), 100U);
}

TEST(Recovery, ASegmentWhoseDropWasDecidedIsNoGap) {
  MemoryEnv disk;
  {
    Life life(disk, 50'000);
    life.drops_are_left_undone = true;
    life.post(1, 100, 2000);
    (void)life.receive();
    life.acknowledge_up_to(1000);
    life.pass_ms(1500);
    ASSERT_GT(life.drops, 0U);
  }
  Life again(disk, 50'000);
  EXPECT_TRUE(again.start.gaps.empty());
  EXPECT_GT(again.drops, 0U) << "the drop is finished";
  EXPECT_TRUE(again.receive().empty());
}

}  // namespace
}  // namespace capstan
