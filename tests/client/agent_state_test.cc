#include "agent_state.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "capstan/client/memory_link.h"
#include "scripted_hub.h"

namespace capstan {
namespace {

using test::agent_named;
using test::envelope_to;

/// An agent without an I/O thread: the test says what the hub does.
class AgentStateTest : public ::testing::Test {
 protected:
  ~AgentStateTest() override { queue_->close(); }

  std::shared_ptr<AgentState> started(AgentOptions options) {
    const AgentState::OutboxLimits limits{100'000, 1'000'000'000};
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

 private:
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

TEST_F(AgentStateTest, OfTooManyReasonsTheCodesAreKept) {
  constexpr std::uint64_t kCount = 10'000;
  const auto agent = started({.name = "alice"});
  for (std::uint64_t i = 0; i < kCount; ++i) (void)post(*agent);
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    if (number % 3 == 0) {
      agent->accepted({1, number, 1, test::id_of(number), envelope_to('B').size()});
    } else {
      refuse(*agent, number, {ErrorCode::kTooLarge, std::to_string(number)});
    }
  }
  for (std::uint64_t number = 1; number <= kCount; ++number) {
    const Status told = agent->wait_accepted(number, 0);
    ASSERT_EQ(told.ok(), number % 3 == 0) << number;
    if (!told.ok()) {
      ASSERT_EQ(told.error().code, ErrorCode::kTooLarge) << number;
    }
  }
  EXPECT_EQ(agent->wait_accepted(kCount, 0).error().context, std::to_string(kCount));
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
