// alice has posted to bob, who fails deliveries: what the tests of mail operations begin with.
#pragma once

#include "hub_world.h"

namespace capstan::core_test {

inline HubConfig failing_config(std::uint32_t max_deliver) {
  HubConfig config = quiet_config();
  config.lease_ms = 1'000'000'000;
  config.max_deliver = max_deliver;
  return config;
}

/// alice posts "1" … "count" to bob; an operator is there.
struct MailWorld {
  explicit MailWorld(int count, const HubConfig& hub = failing_config(1)) : world(hub) {
    Binding binding = receiving();
    binding.epoch = 7;
    world.attach(alice, "alice", binding);
    for (int i = 1; i <= count; ++i) {
      world.send(alice, static_cast<std::uint64_t>(i), "bob", std::to_string(i));
    }
    world.commit();
    for (const Accept& accept : alice.take<Accept>()) {
      for (std::uint64_t i = 0; i < accept.count; ++i) ids.push_back(accept.first_id.plus(i));
    }
  }

  Peer& bob(std::uint64_t credit = 100) {
    Peer& peer = world.connect("bob");
    Binding binding = receiving();
    binding.epoch = ++lives;
    binding.credit_until = credit;
    world.attach(peer, "bob", binding);
    world.settle_all();
    return peer;
  }

  void nack(Peer& peer, std::uint64_t delivery, std::string_view reason = "busy",
            std::uint32_t delay_ms = 1) {
    world.say(peer, Receipt{1, ReceiptKind::kNack, delivery, {}, 0, delay_ms, reason});
    world.settle_all();
  }

  /// A receiver refuses the first `count` envelopes and goes; they are dead letters then.
  void kill(std::uint64_t count, std::string_view reason = "busy") {
    Peer& peer = bob();
    for (std::uint64_t delivery = 1; delivery <= count; ++delivery) nack(peer, delivery, reason);
    world.pass_ms(1000);
    world.settle_all();
    world.say(peer, Bye{});
    world.settle_all();
    (void)alice.take<Notified>();
  }

  /// Asks, and answers whatever the hub has to read.
  Response ask(Peer& peer, const std::string& operation, const ParamMap& params) {
    world.say(peer, Request{++requests, operation, encode_params(params)});
    world.settle_all();
    return peer.take_one<Response>();
  }
  Response ask(const std::string& operation, const ParamMap& params) {
    return ask(admin, operation, params);
  }
  /// Asks for what is there.
  ParamMap get(const std::string& operation, const ParamMap& params) {
    const Response response = ask(operation, params);
    EXPECT_EQ(response.code, ErrorCode::kOk) << response.message;
    const auto result = decode_params(response.result);
    return result ? *result : ParamMap();
  }

  [[nodiscard]] const std::deque<DeadLetter>* dead() const {
    return world.state().find_dead(world.id("bob"));
  }

  World world;
  Peer& alice = world.connect("alice");
  Peer& admin = world.connect("operator", {}, AgentRole::kAdmin);
  std::vector<EnvelopeId> ids;
  std::uint64_t lives = 0;
  std::uint64_t requests = 1000;
};

inline ParamMap name_is(const std::string& name) { return ParamMap().set("name", name); }

}  // namespace capstan::core_test
