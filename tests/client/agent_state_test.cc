#include "agent_state.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <string>
#include <vector>

#include "capstan/client/memory_link.h"
#include "scripted_hub.h"

namespace capstan {
namespace {

using test::agent_named;
using test::envelope_to;

/// An agent without an I/O thread: the test says what the hub does.
class AgentStateTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kOutboxEnvelopes = 100'000;

  ~AgentStateTest() override { queue_->close(); }

  std::shared_ptr<AgentState> started(AgentOptions options) {
    const OutboxLimits limits{kOutboxEnvelopes, 1'000'000'000};
    auto agent = std::make_shared<AgentState>(std::move(options), limits, queue_);
    agent->start();
    return agent;
  }
  static std::uint64_t post(AgentState& agent) {
    return agent.send_encoded(mailbox_of(agent_named('B')), envelope_to('B')).value();
  }
  static void refuse(AgentState& agent, std::uint64_t number, const Error& error) {
    agent.refused({1, number, error, envelope_to('B').size()});
  }

  std::unique_ptr<Link> link_ = std::make_shared<MemoryWire>()->make_link();
  std::shared_ptr<WorkQueue> queue_ = std::make_shared<WorkQueue>(link_.get());
};

TEST_F(AgentStateTest, ARefusedNumberIsNeverSaidToBeAccepted) {
  constexpr std::uint64_t kCount = 10'000;
  const auto agent = started({.name = "alice"});
  for (std::uint64_t i = 0; i < kCount; ++i) (void)post(*agent);
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    refuse(*agent, number, {ErrorCode::kNotFound, "no agent is named 'bob'"});
  }
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    const Status told = agent->wait_accepted(number, 0);
    ASSERT_FALSE(told.ok()) << number;
    ASSERT_EQ(told.error().code, ErrorCode::kNotFound) << number;
    ASSERT_EQ(told.error().context, "no agent is named 'bob'") << number;
  }
}

TEST_F(AgentStateTest, OfTooManyRefusalsTheNewestAreKeptAndNoneIsSaidToBeAccepted) {
  constexpr std::uint64_t kCount = 300'000;
  constexpr std::uint64_t kKept = 65'536;
  const auto agent = started({.name = "alice"});
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    (void)post(*agent);
    if (number % 2 == 0) {
      agent->accepted({1, number, 1, test::id_of(number), envelope_to('B').size()});
    } else {
      refuse(*agent, number, {ErrorCode::kTooLarge, std::to_string(number)});
    }
  }
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    const Status told = agent->wait_accepted(number, 0);
    if (number < kCount - 2 * kKept) {
      ASSERT_EQ(told.error().code, ErrorCode::kOutcomeUnknown) << number;
    } else if (number % 2 == 0) {
      ASSERT_TRUE(told.ok()) << number;
    } else {
      ASSERT_EQ(told.error().code, ErrorCode::kTooLarge) << number;
      ASSERT_EQ(told.error().context, std::to_string(number));
    }
  }
}

TEST_F(AgentStateTest, WhoeverWaitsForASessionThatIsRefusedForNowIsToldWhy) {
  const auto agent = started({.name = "alice", .send_timeout_ms = 0});
  EXPECT_EQ(agent->wait_attached(0).error().code, ErrorCode::kUnavailable);
  const std::uint64_t number = post(*agent);
  agent->delayed({ErrorCode::kUnavailable, "too many agents"});
  EXPECT_EQ(agent->wait_attached(0).error().context, "too many agents");
  const auto is_told = [](const Status& status) {
    EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
    return status.error().context.find("too many agents") != std::string::npos;
  };
  EXPECT_TRUE(is_told(agent->wait_accepted(number, 0)));
  EXPECT_TRUE(is_told(agent->drain(0)));
  agent->attached(agent_named('A'));
  EXPECT_FALSE(is_told(agent->drain(0)));
}

// Method: the I/O thread has begun a turn, and takes the agent's work after both were said.
TEST_F(AgentStateTest, ANackIsTakenBeforeTheAcknowledgementThatFollowsIt) {
  const auto agent = started({.name = "alice"});
  agent->bound(1);
  agent->acknowledge(1);
  (void)queue_->take();
  agent->nack(2, 0, "not now");
  agent->acknowledge_up_to(3);
  const AgentState::Work work = agent->take_work();
  ASSERT_EQ(work.receipts.acknowledged.back().second, 3U);
  ASSERT_EQ(work.receipts.nacks.size(), 1U);
  EXPECT_EQ(work.receipts.nacks[0].number, 2U);
}

// Nobody announces them later: the application has said all that it has to say.
TEST_F(AgentStateTest, ReceiptsOfBeforeTheSessionWasBoundAreTaken) {
  const auto agent = started({.name = "alice"});
  agent->nack(2, 0, "not now");
  EXPECT_TRUE(queue_->take().agents.empty());
  agent->bound(1);
  EXPECT_EQ(queue_->take().agents.size(), 1U);
}

TEST_F(AgentStateTest, ADrainWaitsForNacks) {
  const auto agent = started({.name = "alice"});
  agent->bound(1);
  agent->nack(2, 0, "not now");
  agent->receipts_sent();
  EXPECT_EQ(agent->drain(0).error().code, ErrorCode::kTimeout);
  (void)agent->take_work();
  agent->receipts_sent();
  EXPECT_TRUE(agent->drain(0).ok());
}

TEST_F(AgentStateTest, CallbacksOfTwoMayCloseEachOther) {
  std::latch both(2);
  std::array<std::shared_ptr<AgentState>, 2> agents;
  std::atomic<int> ended = 0;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    AgentOptions options{.name = "alice"};
    options.on_refused = [&, other = 1 - i](std::uint64_t, const Error&) {
      both.arrive_and_wait();
      agents.at(other)->close();
    };
    options.on_ended = [&](const Error&) { ++ended; };
    agents.at(i) = started(std::move(options));
  }
  for (const auto& agent : agents) refuse(*agent, post(*agent), {ErrorCode::kNotFound, {}});
  both.wait();
  for (const auto& agent : agents) agent->close();
  EXPECT_EQ(ended, 2);
}

TEST_F(AgentStateTest, ACallbackThatBlocksHoldsBackWhoSends) {
  std::promise<void> go_on;
  std::promise<std::uint64_t> sent_here;
  std::atomic<bool> first = true;
  std::shared_ptr<AgentState> agent;
  AgentOptions options{.name = "alice", .send_timeout_ms = 0};
  options.on_accepted = [&](std::uint64_t, std::uint64_t, const EnvelopeId&) {
    if (!first.exchange(false)) return;
    go_on.get_future().wait();
    sent_here.set_value(post(*agent));
  };
  agent = started(std::move(options));
  std::uint64_t sent = 0;
  const auto send = [&] {
    const auto number = agent->send_encoded(mailbox_of(agent_named('B')), envelope_to('B'));
    if (!number.ok()) {
      EXPECT_NE(number.error().context.find("callbacks"), std::string::npos);
      return false;
    }
    ++sent;
    agent->accepted({1, *number, 1, test::id_of(*number), envelope_to('B').size()});
    return true;
  };
  while (sent < 3 * kOutboxEnvelopes && send()) {
  }
  EXPECT_LE(sent, 2 * kOutboxEnvelopes);
  go_on.set_value();
  EXPECT_EQ(sent_here.get_future().get(), sent + 1) << "a callback itself is not held back";
  agent->close();
}

// Method: each notice makes the next one, so that there is always one more.
TEST_F(AgentStateTest, NoticesHoldBackNoDelivery) {
  std::promise<void> delivered;
  std::shared_ptr<AgentState> agent;
  AgentOptions options{.name = "alice", .mode = AttachMode::kReceive};
  options.on_accepted = [&](std::uint64_t, std::uint64_t, const EnvelopeId&) {
    const auto next = agent->send_encoded(mailbox_of(agent_named('B')), envelope_to('B'));
    if (!next.ok()) return;  // It was closed.
    agent->accepted({1, *next, 1, test::id_of(*next), envelope_to('B').size()});
  };
  options.on_delivery = [&](AgentClient&, const Delivery&) { delivered.set_value(); };
  agent = started(std::move(options));
  agent->accepted({1, post(*agent), 1, test::id_of(1), envelope_to('B').size()});
  const auto body = std::make_shared<const ByteBuffer>(envelope_to('A'));
  const Delivered one{1, 1, 1, Position{1}, *body};
  agent->delivered({&one, 1}, {*body, body});
  EXPECT_EQ(delivered.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  agent->close();
}

TEST_F(AgentStateTest, OneThatTheHubEndedMayBeDroppedWithoutClosingIt) {
  std::promise<void> over;
  AgentOptions options{.name = "alice"};
  options.on_ended = [&](const Error&) { over.set_value(); };
  auto agent = started(std::move(options));
  agent->ended({ErrorCode::kSuperseded, "another one came"});
  over.get_future().wait();
  agent.reset();
}

// Goal: the callback thread may hold the agent last, and cannot wait for itself.
// Method: it is dropped while its last callback runs; what the callback holds goes with it.
TEST_F(AgentStateTest, OneMayBeDroppedWhileItsLastCallbackRuns) {
  std::promise<void> running;
  std::promise<void> go_on;
  std::promise<void> gone;
  AgentOptions options{.name = "alice"};
  std::shared_ptr<void> token(nullptr, [&](void*) { gone.set_value(); });
  options.on_ended = [&, held = std::move(token)](const Error&) {
    running.set_value();
    go_on.get_future().wait();
  };
  auto agent = started(std::move(options));
  agent->ended({ErrorCode::kSuperseded, "another one came"});
  running.get_future().wait();
  agent.reset();
  go_on.set_value();
  gone.get_future().wait();
}

TEST_F(AgentStateTest, OnEndedIsTheLastCall) {
  std::vector<std::string> calls;
  std::promise<void> ending;
  std::promise<void> go_on;
  AgentOptions options{.name = "alice"};
  options.on_accepted = [&](std::uint64_t, std::uint64_t, const EnvelopeId&) {
    calls.emplace_back("accepted");
  };
  options.on_refused = [&](std::uint64_t, const Error&) { calls.emplace_back("refused"); };
  options.on_ended = [&](const Error&) {
    calls.emplace_back("ended");
    ending.set_value();
    go_on.get_future().wait();
  };
  const auto agent = started(std::move(options));
  const std::uint64_t first = post(*agent);
  const std::uint64_t second = post(*agent);
  agent->ended({ErrorCode::kClosed, "the client was closed"});
  ending.get_future().wait();
  agent->accepted({1, first, 1, test::id_of(1), envelope_to('B').size()});
  refuse(*agent, second, {ErrorCode::kNotFound, {}});
  go_on.set_value();
  agent->close();
  EXPECT_EQ(calls, std::vector<std::string>{"ended"});
}

}  // namespace
}  // namespace capstan
