// A hub with small segments and steady mail, for what happens to segments.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hub_world.h"

namespace capstan::core_test {

inline constexpr std::uint64_t kSegmentBytes = 40'000;

inline HubConfig small_segments() {
  HubConfig config = quiet_config();
  config.segment_bytes_max = kSegmentBytes;
  return config;
}

inline HubConfig frequent_checkpoints() {
  HubConfig config = small_segments();
  config.checkpoint_interval_ms = 1000;
  return config;
}

/// alice posts to bob, who acknowledges when he is told to.
struct Traffic {
  explicit Traffic(const HubConfig& config,
                   const std::vector<std::string>& agents = {"alice", "bob"})
      : world(config, agents) {
    world.attach(alice, "alice", posting());
    world.attach(bob, "bob", receiving());
  }
  void post(int count) {
    for (int i = 0; i < count; ++i) {
      world.send(alice, ++number, "bob", std::string(5000, 'x'));
      world.commit();
    }
  }
  void settle() {
    world.ack_up_to(bob, number);
    world.pass_ms(60);
    world.commit();
  }
  void pass_checkpoint() {
    world.pass_ms(1100);
    world.say(alice, Ping{1});
    world.say(bob, Ping{1});
    world.settle_all();
  }
  World world;
  Peer& alice = world.connect("alice");
  Peer& bob = world.connect("bob");
  std::uint64_t number = 0;
};

using Rows = std::map<std::string, std::string>;

inline Rows rows_of(const State& state) {
  Rows rows;
  for (const StateRow& row : state.all_rows()) rows[row.key] = row.value;
  return rows;
}

/// The rows themselves are too long to be printed.
inline bool same_rows(const State& a, const State& b) { return rows_of(a) == rows_of(b); }

}  // namespace capstan::core_test
