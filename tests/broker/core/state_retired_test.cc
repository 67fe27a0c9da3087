// The fold of removed agents, and its rows. FORMAT.md §5.
#include <gtest/gtest.h>

#include <map>

#include "capstan/codec/envelope.h"
#include "capstan/core/state.h"

namespace capstan {
namespace {

using Rows = std::map<std::string, std::string>;

AgentId agent_id(std::uint8_t number) {
  AgentId id;
  id.bytes.fill(number);
  return id;
}

/// alice (1) has sent to bob (2), whose mailbox is in rows.
struct Retired : testing::Test {
  Retired() {
    for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{2}}) {
      AgentRecord agent;
      agent.id = agent_id(number);
      agent.name = number == 1 ? "alice" : "bob";
      record(agent);
    }
  }
  template <typename Record>
  Sequence record(const Record& fields) {
    Block block;
    block.base = state.applied().plus(1);
    block.record_count = 1;
    encode_record(fields, block.records);
    EXPECT_TRUE(state.apply(block).ok());
    return block.base;
  }
  void mail(std::uint64_t position, std::uint8_t from = 1) {
    record(EnvelopeRecord{Position{position}, 7, position, {}, stamped(from)});
  }
  ByteBuffer stamped(std::uint8_t from) const {
    ByteBuffer bytes;
    encode_envelope(Envelope{}, bytes);
    const EnvelopeId id = EnvelopeId::make(1000, 0, state.applied().plus(1));
    stamp_envelope(bytes.data(), id, 5, mailbox_of(agent_id(2)), agent_id(from));
    return bytes;
  }
  void settle(std::uint64_t first, std::uint64_t last) {
    record(SettledRecord{agent_id(2),
                         mailbox_of(agent_id(2)),
                         SettledWhy::kDead,
                         0,
                         {{Position{first}, Position{last}}}});
  }
  void checkpoint() {
    const Checkpoint taken = state.take_dirty_rows();
    for (const StateRow& row : taken.puts) rows[row.key] = row.value;
    for (const std::string& key : taken.deletes) rows.erase(key);
  }
  /// Kinds of the rows that name bob.
  std::string kinds() {
    checkpoint();
    std::string found;
    for (const auto& entry : rows) {
      if (entry.first.compare(1, 16, as_text(agent_id(2).view())) == 0) found += entry.first[0];
    }
    return found;
  }
  void expect_rows_are_the_state() {
    checkpoint();
    State loaded;
    for (const auto& [key, value] : rows) {
      ASSERT_TRUE(loaded.load_row(as_bytes(key), as_bytes(value)).ok());
    }
    const auto all = state.all_rows();
    const auto again = loaded.all_rows();
    ASSERT_EQ(all.size(), again.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].key, again[i].key);
      EXPECT_EQ(all[i].value, again[i].value);
    }
  }

  State state;
  Rows rows;
};

TEST_F(Retired, OneThatNobodyKnowsChangesNothing) {
  record(AgentRetiredRecord{agent_id(9), 1});
  EXPECT_EQ(state.agents().size(), 2U);
  EXPECT_TRUE(state.retired().empty());
}

TEST_F(Retired, WithoutMailNothingIsLeft) {
  EXPECT_EQ(kinds(), "AM");
  record(AgentRetiredRecord{agent_id(2), 1});
  EXPECT_EQ(kinds(), "");
  EXPECT_EQ(state.find_agent("bob"), nullptr);
  EXPECT_EQ(state.find_agent(agent_id(2)), nullptr);
  EXPECT_EQ(state.find_mailbox(mailbox_of(agent_id(2))), nullptr);
  EXPECT_EQ(state.agents_by_name().size(), 1U);
  expect_rows_are_the_state();
}

TEST_F(Retired, TheMailboxStaysUntilItsMailIsSettledAndGoesWithItsRows) {
  mail(1);
  mail(2);
  record(RetryRecord{agent_id(2), mailbox_of(agent_id(2)), Position{2}, Priority::kNormal, 1, 1, 1,
                     "busy"});
  EXPECT_EQ(kinds(), "AMRT");
  record(AgentRetiredRecord{agent_id(2), 77});
  EXPECT_EQ(kinds(), "MRTX");
  ASSERT_NE(state.find_retired(agent_id(2)), nullptr);
  EXPECT_EQ(state.find_retired(agent_id(2))->agent.name, "bob");
  EXPECT_EQ(state.find_retired(agent_id(2))->retired_at_ns, 77U);
  expect_rows_are_the_state();
  settle(1, 1);
  EXPECT_EQ(kinds(), "MRTX");
  settle(2, 2);
  EXPECT_EQ(kinds(), "");
  EXPECT_EQ(state.find_mailbox(mailbox_of(agent_id(2))), nullptr);
  EXPECT_TRUE(state.retired().empty());
  expect_rows_are_the_state();
}

TEST_F(Retired, ItStaysKnownAsLongAsADeadLetterOfItIsKept) {
  mail(1);
  record(AgentRetiredRecord{agent_id(2), 77});
  const ByteBuffer copy = stamped(1);
  const Sequence letter = record(
      DeadRecord{agent_id(2), mailbox_of(agent_id(2)), Position{1}, 0, 1, "agent removed", copy});
  settle(1, 1);
  EXPECT_EQ(kinds(), "DX");
  expect_rows_are_the_state();
  record(DeadDroppedRecord{agent_id(2), letter});
  EXPECT_EQ(kinds(), "");
  expect_rows_are_the_state();
}

TEST_F(Retired, ItsNumbersAsASenderAreForgotten) {
  mail(1, 2);
  const ProducerId bob{agent_id(2), 7};
  ASSERT_NE(state.find_producer(bob), nullptr);
  EXPECT_EQ(kinds(), "AMPR");
  record(AgentRetiredRecord{agent_id(2), 77});
  EXPECT_EQ(state.find_producer(bob), nullptr);
  EXPECT_EQ(kinds(), "MRX");
}

TEST_F(Retired, ANewAgentOfTheNameIsNotTouchedByTheOldOnesEnd) {
  mail(1);
  record(AgentRetiredRecord{agent_id(2), 77});
  AgentRecord again;
  again.id = agent_id(3);
  again.name = "bob";
  record(again);
  settle(1, 1);
  ASSERT_NE(state.find_agent("bob"), nullptr);
  EXPECT_EQ(state.find_agent("bob")->id, agent_id(3));
  expect_rows_are_the_state();
}

TEST_F(Retired, ARowOfAnotherShapeIsDamage) {
  mail(1);
  record(AgentRetiredRecord{agent_id(2), 77});
  checkpoint();
  std::string key(1, 'X');
  key.append(as_text(agent_id(2).view()));
  const std::string value = rows.at(key);
  for (std::size_t bytes = 0; bytes < value.size(); ++bytes) {
    State loaded;
    EXPECT_FALSE(loaded.load_row(as_bytes(key), as_bytes(value.substr(0, bytes))).ok()) << bytes;
  }
}

}  // namespace
}  // namespace capstan
