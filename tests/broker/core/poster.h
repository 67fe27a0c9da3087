// alice posts to bob: what the tests of sends begin with.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "hub_world.h"

namespace capstan::core_test {

inline Binding posting_from(std::uint64_t first_number, std::uint64_t epoch = 7) {
  Binding binding = posting(epoch);
  binding.first_number = first_number;
  return binding;
}

/// alice has attached and posts; bob's inbox holds `inbox_max`.
struct Poster {
  explicit Poster(std::uint64_t inbox_max = 1'000'000) : Poster(config_of(inbox_max)) {}
  explicit Poster(const HubConfig& config) : world(config) {
    world.attach(alice, "alice", posting());
  }
  static HubConfig config_of(std::uint64_t inbox_max) {
    HubConfig config = quiet_config();
    config.inbox_envelopes_max = inbox_max;
    return config;
  }
  void send(std::uint64_t number, const std::string& to = "bob") {
    world.send(alice, number, to, "n" + std::to_string(number));
    world.commit();
  }
  /// Bob takes everything that waits for him.
  void empty_bobs_inbox() {
    Peer& bob = world.connect("bob");
    world.attach(bob, "bob", receiving());
    world.settle_all();
    world.ack_up_to(bob, 1'000'000);
    world.pass_ms(60);
    world.settle_all();
    world.close(bob);
  }
  [[nodiscard]] std::map<std::uint64_t, EnvelopeId> accepted() {
    std::map<std::uint64_t, EnvelopeId> ids;
    for (const Accept& accept : alice.take<Accept>()) {
      for (std::uint64_t i = 0; i < accept.count; ++i) {
        ids[accept.first_number + i] =
            accept.first_id.is_zero() ? accept.first_id : accept.first_id.plus(i);
      }
    }
    return ids;
  }
  World world;
  Peer& alice = world.connect("alice");
};

}  // namespace capstan::core_test
