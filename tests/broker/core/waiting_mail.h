// Mail that waits for bob: what the tests of delivery begin with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hub_world.h"

namespace capstan::core_test {

using Texts = std::vector<std::string>;

/// Nothing but the newest block stays in memory.
inline HubConfig no_cache() {
  HubConfig config = quiet_config();
  config.resident_blocks_bytes = 1;
  return config;
}

/// alice has posted "1", "2", … to bob, each in a commit of its own.
inline void post(World& world, std::uint64_t count) {
  Peer& alice = world.connect("alice");
  world.attach(alice, "alice", posting());
  for (std::uint64_t n = 1; n <= count; ++n) {
    world.send(alice, n, "bob", std::to_string(n));
    world.commit();
  }
}

inline Texts numbers(std::uint64_t first, std::uint64_t last) {
  Texts texts;
  for (std::uint64_t n = first; n <= last; ++n) texts.push_back(std::to_string(n));
  return texts;
}

}  // namespace capstan::core_test
