#include "capstan/client/hub_client.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <set>
#include <thread>

#include "fake_hub.h"

namespace capstan {
namespace {

using test::agent_named;
using test::FakeHub;
using test::kPatienceMs;

TEST(HubClient, WithoutAHubItIsUnavailable) {
  const auto wire = std::make_shared<MemoryWire>();
  HubClientOptions options;
  options.make_link = [wire] { return wire->make_link(); };
  auto client = HubClient::open(std::move(options));
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->wait_ready(1).error().code, ErrorCode::kUnavailable);
}

TEST(HubClient, ARefusedHandshakeIsToldAtOnceAndEndsIt) {
  const auto wire = std::make_shared<MemoryWire>();
  wire->cut({ErrorCode::kRefusedHandshake, "unknown key"});
  HubClientOptions options;
  options.make_link = [wire] { return wire->make_link(); };
  auto client = HubClient::open(std::move(options));
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->wait_ready(kPatienceMs).error().code, ErrorCode::kRefusedHandshake);
  EXPECT_EQ((*client)->attach({.name = "alice"}).error().code, ErrorCode::kRefusedHandshake);
}

TEST(HubClient, AnEndpointThatIsNoneIsToldAtOnce) {
  for (const std::string& endpoint :
       {std::string("tcp://nonsense"), std::string("http://localhost:1"), std::string("nonsense"),
        "ipc://" + std::string(200, 'x')}) {
    HubClientOptions options;
    options.endpoint = endpoint;
    auto client = HubClient::open(std::move(options));
    ASSERT_TRUE(client.ok());
    const Status ready = (*client)->wait_ready(kPatienceMs);
    EXPECT_EQ(ready.error().code, ErrorCode::kInvalidArgument) << endpoint;
    EXPECT_NE(ready.error().context.find(endpoint), std::string::npos) << ready.error().text();
    EXPECT_EQ((*client)->attach({.name = "alice"}).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(HubClient, ADeniedAttachIsAnError) {
  FakeHub hub;
  auto client = hub.open_client();
  EXPECT_EQ((*client)->attach({.name = "mallory"}).error().code, ErrorCode::kAccessDenied);
  EXPECT_TRUE((*client)->attach({.name = "alice"}).ok());
}

TEST(HubClient, AnAttachThatIsRefusedForNowIsToldWhyAndRepeated) {
  FakeHub hub;
  auto client = hub.open_client();
  const auto refused = (*client)->attach({.name = "later", .attach_timeout_ms = 100});
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().context, "too many agents");
  auto agent = (*client)->attach({.name = "later", .attach_timeout_ms = 0});
  ASSERT_TRUE(agent.ok());
  const auto number = (*agent)->send(mailbox_of(agent_named('B')), Envelope{});
  ASSERT_TRUE(number.ok());
  const Status waited = (*agent)->wait_accepted(*number, 100);
  EXPECT_EQ(waited.error().code, ErrorCode::kTimeout);
  EXPECT_NE(waited.error().context.find("too many agents"), std::string::npos);
  hub.has_room = true;
  EXPECT_TRUE((*agent)->wait_accepted(*number, kPatienceMs).ok());
}

TEST(HubClient, SendsByNameAndWaitsForAcceptance) {
  FakeHub hub;
  auto client = hub.open_client();
  ASSERT_TRUE((*client)->wait_ready(kPatienceMs).ok());
  auto agent = (*client)->attach({.name = "alice"});
  ASSERT_TRUE(agent.ok());
  EXPECT_EQ((*agent)->id(), agent_named('A'));
  const auto number = (*agent)->send_text("bob", "hello");
  ASSERT_TRUE(number.ok());
  EXPECT_TRUE((*agent)->wait_accepted(*number, kPatienceMs).ok());
  const auto lost = (*agent)->send_text("nobody", "hello");
  EXPECT_EQ((*agent)->wait_accepted(*lost, kPatienceMs).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE((*agent)->drain(kPatienceMs).ok());
  EXPECT_EQ((*agent)->accepted_count(), 1U);
}

// Method: each wait is at most 50 ms as long as they do not grow. Only too short a time fails.
TEST(HubClient, AConnectionThatIsLostAsSoonAsItIsReadyComesBackLaterEachTime) {
  constexpr int kLosses = 6;
  const auto wire = std::make_shared<MemoryWire>();
  HubClientOptions options;
  options.make_link = [wire] { return wire->make_link(); };
  options.seed = 3;
  std::promise<void> lost;
  std::atomic<int> losses = 0;
  options.on_lifecycle = [&](Lifecycle stage, const Error&) {
    if (stage == Lifecycle::kReady) wire->cut({ErrorCode::kUnavailable, "out of order"});
    if (stage == Lifecycle::kConnecting && ++losses == kLosses + 1) lost.set_value();
  };
  const auto begin = std::chrono::steady_clock::now();
  auto client = HubClient::open(std::move(options));
  ASSERT_TRUE(client.ok());
  for (int i = 0; i < kLosses; ++i) {
    ASSERT_TRUE(wire->grant(kPatienceMs));
    BodyWriter welcome;
    welcome.write(test::welcome());
    wire->send(welcome.take());
  }
  lost.get_future().wait();
  EXPECT_GT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(kLosses * 50));
}

TEST(HubClient, AFullOutboxBlocksTheSenderUntilItsTimeout) {
  FakeHub hub;
  hub.accepting = false;
  auto client = hub.open_client();
  auto agent = (*client)->attach({.name = "alice", .send_timeout_ms = 1});
  ASSERT_TRUE(agent.ok());
  std::size_t sent = 0;
  Result<std::uint64_t> last = 0;
  while ((last = (*agent)->send(mailbox_of(agent_named('B')), Envelope{})).ok()) ++sent;
  EXPECT_EQ(last.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(sent, 100U);
}

TEST(HubClient, TheOutboxSurvivesALostConnection) {
  FakeHub hub;
  hub.accepting = false;
  auto client = hub.open_client();
  auto agent = (*client)->attach({.name = "alice"});
  ASSERT_TRUE(agent.ok());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE((*agent)->send(mailbox_of(agent_named('B')), Envelope{}).ok());
  }
  hub.accepting = true;
  hub.wire().cut({ErrorCode::kUnavailable, "restart"});
  EXPECT_TRUE((*agent)->drain(kPatienceMs).ok());
  EXPECT_EQ(hub.stored, 50U);
}

TEST(HubClient, ABlockedLinkLosesNothing) {
  FakeHub hub;
  auto client = hub.open_client();
  auto agent = (*client)->attach({.name = "alice"});
  ASSERT_TRUE(agent.ok());
  hub.wire().set_room(false);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE((*agent)->send(mailbox_of(agent_named('B')), Envelope{}).ok());
  }
  EXPECT_EQ((*agent)->drain(1).error().code, ErrorCode::kTimeout);
  hub.wire().set_room(true);
  EXPECT_TRUE((*agent)->drain(kPatienceMs).ok());
  EXPECT_EQ(hub.stored, 50U);
}

TEST(HubClient, ReceivesAndAcknowledges) {
  FakeHub hub;
  auto client = hub.open_client();
  auto agent = (*client)->attach({.name = "alice", .mode = AttachMode::kReceive});
  ASSERT_TRUE(agent.ok());
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE((*agent)->send_text("bob", std::to_string(i)).ok());
  }
  for (int i = 0; i < 30; ++i) {
    auto next = (*agent)->receive(kPatienceMs);
    ASSERT_TRUE(next.ok() && next->has_value());
    EXPECT_EQ(*(*next)->text(), std::to_string(i));
    (*agent)->acknowledge((*next)->number);
  }
  EXPECT_TRUE((*agent)->drain(kPatienceMs).ok());
  EXPECT_FALSE((*agent)->receive(0)->has_value());
}

TEST(HubClient, ManyThreadsMayUseOneAgentAtOnce) {
  constexpr int kSenders = 4;
  constexpr int kEach = 100;
  FakeHub hub;
  auto client = hub.open_client();
  const auto agent = *(*client)->attach({.name = "alice", .mode = AttachMode::kReceive});
  std::vector<std::thread> threads;
  for (int i = 0; i < kSenders; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        const auto number = agent->send_text("bob", "hello");
        EXPECT_TRUE(number.ok() && agent->wait_accepted(*number, kPatienceMs).ok());
      }
    });
  }
  std::atomic<int> left = kSenders * kEach;
  std::array<std::set<std::uint64_t>, 2> shown;
  for (auto& own : shown) {
    threads.emplace_back([&agent, &left, &own] {
      while (left > 0) {
        const auto batch = agent->receive_batch(10, 100);
        ASSERT_TRUE(batch.ok());
        for (const Delivery& delivery : *batch) {
          own.insert(delivery.number);
          agent->acknowledge(delivery.number);
          --left;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(agent->drain(kPatienceMs).ok());
  EXPECT_EQ(agent->accepted_count(), std::uint64_t{kSenders * kEach});
  EXPECT_EQ(shown[0].size() + shown[1].size(), std::size_t{kSenders * kEach});
  for (const std::uint64_t number : shown[0]) EXPECT_EQ(shown[1].count(number), 0U);
}

/// One body part with one delivery for each of the first sessions, of these sizes.
ByteBuffer deliveries_of(const std::vector<std::size_t>& payloads) {
  BodyWriter out;
  SessionId session = 0;
  for (const std::size_t payload : payloads) {
    const ByteBuffer envelope = test::envelope_to('A', payload);
    out.write(NotifyView{++session, 1, 1, Position{1}, envelope});
  }
  return out.take();
}

TEST(HubClient, ADeliveryOutlivesItsConnectionAndKeepsNoMailOfOthers) {
  FakeHub hub;
  auto client = hub.open_client();
  const auto few = (*client)->attach({.name = "alice", .mode = AttachMode::kReceive});
  const auto much = (*client)->attach({.name = "bob", .mode = AttachMode::kReceive});
  ASSERT_TRUE(few.ok() && much.ok());
  hub.wire().send(deliveries_of({100, 10'000}));
  const auto small = (*few)->receive(kPatienceMs);
  const auto large = (*much)->receive(kPatienceMs);
  ASSERT_TRUE(small.ok() && small->has_value());
  ASSERT_TRUE(large.ok() && large->has_value());
  (*client)->close();
  EXPECT_NE((*small)->owner, (*large)->owner);
  EXPECT_EQ((*small)->text()->size(), 100U);
  EXPECT_EQ((*large)->text()->size(), 10'000U);
}

TEST(HubClient, CallbacksRunOnAThreadOfTheirOwnAndMayClose) {
  FakeHub hub;
  auto client = hub.open_client();
  std::promise<std::string> heard;
  std::promise<Error> over;
  AgentOptions options{.name = "alice", .mode = AttachMode::kReceive};
  options.on_delivery = [&](AgentClient& agent, const Delivery& delivery) {
    agent.acknowledge(delivery.number);
    heard.set_value(delivery.text().ok() ? *delivery.text() : "");
    agent.close();
  };
  options.on_ended = [&](const Error& error) { over.set_value(error); };
  auto agent = (*client)->attach(std::move(options));
  ASSERT_TRUE(agent.ok());
  ASSERT_TRUE((*agent)->send_text("bob", "hello").ok());
  EXPECT_EQ(heard.get_future().get(), "hello");
  EXPECT_EQ(over.get_future().get().code, ErrorCode::kClosed);
}

TEST(HubClient, CloseWaitsForACallbackThatHasClosedItsAgent) {
  FakeHub hub;
  auto client = hub.open_client();
  std::promise<void> closed;
  std::promise<void> go_on;
  std::atomic<bool> ended = false;
  AgentOptions options{.name = "alice", .mode = AttachMode::kReceive};
  options.on_delivery = [&](AgentClient& agent, const Delivery&) {
    agent.close();
    closed.set_value();
    go_on.get_future().wait();
  };
  options.on_ended = [&](const Error&) { ended = true; };
  auto agent = (*client)->attach(std::move(options));
  ASSERT_TRUE(agent.ok());
  ASSERT_TRUE((*agent)->send_text("bob", "hello").ok());
  closed.get_future().wait();
  auto closing = std::async(std::launch::async, [&] { (*client)->close(); });
  EXPECT_EQ(closing.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  go_on.set_value();
  closing.get();
  EXPECT_TRUE(ended);
}

TEST(HubClient, CallbacksOfTwoAgentsMayCloseItAtOnce) {
  FakeHub hub;
  auto client = hub.open_client();
  std::latch both(2);
  std::atomic<int> ended = 0;
  std::vector<std::shared_ptr<AgentClient>> agents;
  for (const std::string name : {"alice", "bob"}) {
    AgentOptions options{.name = name, .mode = AttachMode::kReceive};
    options.on_delivery = [&](AgentClient&, const Delivery&) {
      both.arrive_and_wait();
      (*client)->close();
    };
    options.on_ended = [&](const Error&) { ++ended; };
    agents.push_back(*(*client)->attach(std::move(options)));
  }
  for (const auto& agent : agents) ASSERT_TRUE(agent->send_text("bob", "hello").ok());
  both.wait();
  (*client)->close();
  EXPECT_EQ(ended, 2);
}

// Method: a presence callback holds the I/O thread until all of them wait for its end.
TEST(HubClient, ManyThreadsMayCloseItAtOnce) {
  FakeHub hub;
  auto client = hub.open_client();
  std::promise<void> held;
  std::promise<void> go_on;
  (*client)->on_presence([&](const PresenceHeard&) {
    held.set_value();
    go_on.get_future().wait();
  });
  held.get_future().wait();
  std::vector<std::future<void>> closing;
  for (int i = 0; i < 3; ++i) {
    closing.push_back(std::async(std::launch::async, [&] { (*client)->close(); }));
  }
  for (const auto& each : closing) {
    EXPECT_EQ(each.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  }
  go_on.set_value();
  for (auto& each : closing) EXPECT_NO_THROW(each.get());
}

/// Counts how often the I/O thread is woken.
class WokenLink final : public Link {
 public:
  WokenLink(std::unique_ptr<Link> link, std::atomic<int>& woken)
      : link_(std::move(link)), woken_(woken) {}

  Status connect() override { return link_->connect(); }
  bool send(ByteBuffer&& body) override { return link_->send(std::move(body)); }
  std::vector<LinkEvent> wait(int timeout_ms) override { return link_->wait(timeout_ms); }
  void disconnect() override { link_->disconnect(); }
  void wake() override {
    link_->wake();
    ++woken_;
    woken_.notify_all();
  }

 private:
  std::unique_ptr<Link> link_;
  std::atomic<int>& woken_;
};

// Goal: what was acknowledged before close() returns is told before the goodbye.
// Method: a presence callback holds the I/O thread until it has both to do in one turn.
TEST(HubClient, WhatWasAcknowledgedArrivesBeforeTheGoodbyeOfTheConnection) {
  FakeHub hub;
  std::atomic<int> woken = 0;
  HubClientOptions options;
  options.make_link = [&]() -> std::unique_ptr<Link> {
    return std::make_unique<WokenLink>(hub.wire().make_link(), woken);
  };
  auto client = HubClient::open(std::move(options));
  ASSERT_TRUE(client.ok());
  const auto agent = *(*client)->attach({.name = "alice", .mode = AttachMode::kReceive});
  ASSERT_TRUE(agent->send_text("bob", "hello").ok());
  const auto delivery = agent->receive(kPatienceMs);
  ASSERT_TRUE(delivery.ok() && delivery->has_value());
  std::promise<void> held;
  std::promise<void> go_on;
  (*client)->on_presence([&](const PresenceHeard&) {
    held.set_value();
    go_on.get_future().wait();
  });
  held.get_future().wait();
  const int before = woken;
  auto closing = std::async(std::launch::async, [&] { (*client)->close(); });
  woken.wait(before);
  agent->acknowledge((*delivery)->number);
  go_on.set_value();
  closing.get();
  const std::uint64_t at_first = AgentOptions().credit_envelopes;
  EXPECT_EQ(hub.wait_for_credit("alice", at_first + 1), at_first + 1);
}

TEST(HubClient, ACallbackThatBlocksHoldsBackItsOwnAgentsCreditAndNobodyElse) {
  FakeHub hub;
  auto client = hub.open_client();
  std::promise<void> go_on;
  const std::shared_future<void> gone_on = go_on.get_future().share();
  const auto attach = [&](const std::string& name, auto on_delivery) {
    AgentOptions options{.name = name, .mode = AttachMode::kReceive};
    options.credit_envelopes = 10;
    options.on_delivery = on_delivery;
    return *(*client)->attach(std::move(options));
  };
  const auto slow = attach("slow", [&](AgentClient& agent, const Delivery& delivery) {
    gone_on.wait();
    agent.acknowledge(delivery.number);
  });
  const auto quick = attach("quick", [&](AgentClient& agent, const Delivery& delivery) {
    agent.acknowledge(delivery.number);
  });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(slow->send_text("bob", "for the slow one").ok());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(quick->send_text("bob", "for the quick one").ok());
  EXPECT_EQ(hub.wait_for_credit("quick", 210), 210U);
  EXPECT_EQ(hub.wait_for_credit("slow", 10), 10U) << "what it was given at first";
  go_on.set_value();
  EXPECT_EQ(hub.wait_for_credit("slow", 15), 15U);
}

TEST(HubClient, AClosedAgentLeavesTheHubAndTheOthersStay) {
  FakeHub hub;
  auto client = hub.open_client();
  const auto leaving = *(*client)->attach({.name = "leaving", .mode = AttachMode::kReceive});
  const auto staying = *(*client)->attach({.name = "staying", .mode = AttachMode::kReceive});
  leaving->close();
  EXPECT_TRUE(hub.wait_for_goodbye("leaving"));
  EXPECT_EQ(leaving->receive(0).error().code, ErrorCode::kClosed);
  const auto number = staying->send_text("bob", "still here");
  ASSERT_TRUE(number.ok());
  EXPECT_TRUE(staying->wait_accepted(*number, kPatienceMs).ok());
}

TEST(HubClient, AnswersRequests) {
  FakeHub hub;
  auto client = hub.open_client();
  const auto answer = (*client)->request("get_agent", ParamMap().set("name", "bob"), kPatienceMs);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->bytes("agent_id"));
  const auto none = (*client)->request("get_agent", ParamMap().set("name", "nobody"), kPatienceMs);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
}

TEST(HubClient, CloseEndsItsAgentsAndWhatWaits) {
  FakeHub hub;
  auto client = hub.open_client();
  auto agent = (*client)->attach({.name = "alice", .mode = AttachMode::kReceive});
  ASSERT_TRUE(agent.ok());
  auto waiting = std::async(std::launch::async, [&] { return (*agent)->receive(-1); });
  (*client)->close();
  EXPECT_EQ(waiting.get().error().code, ErrorCode::kClosed);
  EXPECT_EQ((*agent)->send_text("bob", "late").error().code, ErrorCode::kClosed);
  EXPECT_EQ((*client)->request("status", {}, 10).error().code, ErrorCode::kClosed);
}

}  // namespace
}  // namespace capstan
