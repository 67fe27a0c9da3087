// One row of the state ⇄ octets. FORMAT.md §5.
#include "state_row_codec.h"

#include <gtest/gtest.h>

#include <functional>

namespace capstan {
namespace {

AgentId agent_id(std::uint8_t octet) {
  AgentId id;
  id.bytes.fill(octet);
  return id;
}

ChannelId channel_id(std::uint8_t octet) { return mailbox_of(agent_id(octet)); }

AgentRecord agent() {
  AgentRecord agent;
  agent.id = agent_id(1);
  agent.name = "agent-1";
  return agent;
}

PositionSet positions() { return {7, {{10, 12}, {20, 20}}}; }

/// A row, and the same row made of what was read from one.
struct Kind {
  StateRow row;
  std::function<std::optional<StateRow>(Bytes key, Bytes value)> again;
};

template <typename Read, typename Make>
Kind kind(StateRow row, Read read, Make make) {
  return {std::move(row), [=](Bytes key, Bytes value) {
            const auto said = read(key, value);
            return said ? std::optional<StateRow>(make(*said)) : std::nullopt;
          }};
}

StateRow row_of_runs(ChannelId channel, std::size_t lane, const std::vector<MailRun>& listed) {
  MailRuns runs;
  for (const MailRun& run : listed) runs.push_back(run);
  StateRow only;
  for_each_runs_row(channel, lane, runs, runs.begin(),
                    [&](const StateRow& row, Position, Position) { only = row; });
  return only;
}

/// All kinds but that of idempotency keys, whose values are not read here.
std::vector<Kind> kinds() {
  Mailbox mailbox;
  mailbox.next = Position{21};
  mailbox.pending_bytes = 300;
  mailbox.settled = positions();
  const Producer producer(positions(), {{1, 7, EnvelopeId::make(5, 0, Sequence{6})}, {10, 3, {}}},
                          Sequence{77});
  const Retry retry{Priority::kUrgent, 3, 44, 55, "it broke"};
  const DeadLetter letter{Sequence{99}, Sequence{90}, EnvelopeId::make(5, 0, Sequence{6}),
                          agent_id(2),  Position{3},  4,
                          55,           66,           "nobody wants it"};
  return {
      kind(agent_row(agent()), agent_of_row, agent_row),
      kind(retired_row({agent(), 123}), retired_of_row, retired_row),
      kind(mailbox_row(channel_id(1), mailbox), mailbox_of_row,
           [](const MailboxRow& said) {
             Mailbox read;
             read.next = said.next;
             read.pending_bytes = said.pending_bytes;
             read.settled = said.settled;
             return mailbox_row(said.channel, read);
           }),
      kind(row_of_runs(channel_id(1), 2,
                       {{Sequence{5}, Position{8}, 2, 0}, {Sequence{9}, Position{13}, 4, 600}}),
           runs_of_row,
           [](const RunsRow& said) {
             EXPECT_EQ(said.first, said.runs.front().first);
             return row_of_runs(said.channel, said.lane, said.runs);
           }),
      kind(producer_row({agent_id(1), 7}, producer), producer_of_row,
           [](const ProducerRow& said) { return producer_row(said.id, said.producer); }),
      kind(retry_row(channel_id(1), Position{9}, retry), retry_of_row,
           [](const RetryRow& said) { return retry_row(said.channel, said.position, said.retry); }),
      kind(dead_letter_row(agent_id(1), letter), dead_letter_of_row,
           [](const DeadLetterRow& said) { return dead_letter_row(said.agent, said.letter); }),
      kind(segment_row(Sequence{40}, SegmentState::kSealed, {1, 2, 3, true}), segment_of_row,
           [](const SegmentRow& said) {
             return segment_row(said.first, said.state, said.contents);
           }),
      kind(gap_row({Sequence{8}, Sequence{11}}), gap_of_row, gap_row),
  };
}

// ---- Refused ----

TEST(StateRowCodec, AKeyThatIsCutAnywhereIsRefused) {
  for (const Kind& kind : kinds()) {
    for (std::size_t length = 1; length < kind.row.key.size(); ++length) {
      const std::string cut = kind.row.key.substr(0, length);
      EXPECT_FALSE(kind.again(as_bytes(cut), as_bytes(kind.row.value)))
          << kind.row.key.front() << " cut at " << length;
    }
  }
  const std::string key = keys_key(agent_id(1), 2);
  for (std::size_t length = 1; length < key.size(); ++length) {
    EXPECT_FALSE(keys_of_row(as_bytes(key.substr(0, length)))) << length;
  }
}

TEST(StateRowCodec, ARowOfRunsWithARunOfNoPositionsOrACutOneIsRefused) {
  const std::string key = runs_key(channel_id(1), 1, Position{});
  const auto read = [&](const ByteBuffer& value) { return runs_of_row(as_bytes(key), value); };
  EXPECT_FALSE(read({})) << "no run";
  EXPECT_FALSE(read({0, 1})) << "span 0";
  EXPECT_FALSE(read({6, 1})) << "no position";
  EXPECT_TRUE(read({6, 1, 1}));
}

TEST(StateRowCodec, APriorityThatDoesNotExistIsRefused) {
  for (std::size_t lane = 0; lane < 8; ++lane) {
    const std::string key = runs_key(channel_id(1), lane, Position{});
    EXPECT_EQ(runs_of_row(as_bytes(key), ByteBuffer{6, 1, 1}).has_value(), lane < kPriorityCount);
    StateRow retry = retry_row(channel_id(1), Position{9}, {});
    retry.value.front() = static_cast<char>(lane);
    EXPECT_EQ(retry_of_row(as_bytes(retry.key), as_bytes(retry.value)).has_value(),
              lane < kPriorityCount);
  }
}

// ---- Round trips ----

TEST(StateRowCodec, WhatIsReadFromARowIsWhatWasWritten) {
  for (const Kind& kind : kinds()) {
    const auto again = kind.again(as_bytes(kind.row.key), as_bytes(kind.row.value));
    ASSERT_TRUE(again.has_value()) << kind.row.key.front();
    EXPECT_EQ(to_hex(as_bytes(again->key)), to_hex(as_bytes(kind.row.key)));
    EXPECT_EQ(to_hex(as_bytes(again->value)), to_hex(as_bytes(kind.row.value)))
        << kind.row.key.front();
  }
  const auto keys = keys_of_row(as_bytes(keys_key(agent_id(1), 2)));
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->sender, agent_id(1));
  EXPECT_EQ(keys->serial, 2U);
}

TEST(StateRowCodec, AKeyBeginsWithItsKindAndIsThatOfTheRow) {
  const auto begins = [](const std::string& key, RowKind kind) {
    return kind_of_row(as_bytes(key)) == kind;
  };
  EXPECT_TRUE(begins(agent_key(agent_id(1)), RowKind::kAgent));
  EXPECT_TRUE(begins(keys_key(agent_id(1), 2), RowKind::kKeys));
  EXPECT_EQ(agent_row(agent()).key, agent_key(agent_id(1)));
  EXPECT_EQ(retired_row({agent(), 123}).key, retired_key(agent_id(1)));
  EXPECT_EQ(mailbox_row(channel_id(1), {}).key, mailbox_key(channel_id(1)));
  EXPECT_EQ(producer_row({agent_id(1), 7}, {}).key, producer_key({agent_id(1), 7}));
  EXPECT_EQ(retry_row(channel_id(1), Position{9}, {}).key, retry_key(channel_id(1), Position{9}));
  EXPECT_EQ(segment_row(Sequence{4}, SegmentState::kOpen, {}).key, segment_key(Sequence{4}));
}

TEST(StateRowCodec, KeysOfOneKindComeInTheOrderOfTheirNumbers) {
  std::uint64_t below = 0;
  for (const std::uint64_t number : {1ULL, 255ULL, 256ULL, 65'536ULL, 1ULL << 40, ~0ULL}) {
    EXPECT_LT(segment_key(Sequence{below}), segment_key(Sequence{number}));
    EXPECT_LT(retry_key(channel_id(1), Position{below}),
              retry_key(channel_id(1), Position{number}));
    EXPECT_LT(runs_key(channel_id(1), 3, Position{below}),
              runs_key(channel_id(1), 3, Position{number}));
    below = number;
  }
}

}  // namespace
}  // namespace capstan
