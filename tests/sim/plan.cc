#include "plan.h"

#include <algorithm>

#include "capstan/base/random.h"

namespace capstan::sim {

namespace {

std::uint64_t between(Random& random, std::uint64_t low, std::uint64_t high) {
  return low + random.below(high - low + 1);
}

/// Around `low` as often as around `high`: each doubling between them is equally likely.
std::uint64_t by_size(Random& random, std::uint64_t low, std::uint64_t high) {
  std::uint64_t doublings = 0;
  while ((low << (doublings + 1)) <= high) ++doublings;
  return low << random.below(doublings + 1);
}

HubConfig make_hub_config(Random& random, bool large) {
  HubConfig hub;
  hub.heartbeat_ms = 500;
  hub.lease_ms = 2500;
  hub.window_envelopes = by_size(random, 16, 1024);
  hub.window_bytes = by_size(random, 64 * 1024, large ? 1024 * 1024 : 256 * 1024);
  hub.commit_budget_bytes = by_size(random, 256 * 1024, 8 * 1024 * 1024);
  hub.inbox_envelopes_max = random.one_in(2) ? by_size(random, 16, 256) : 100'000;
  // Room for one envelope at least: a larger one would wait for ever.
  hub.inbox_bytes_max = random.one_in(3) ? by_size(random, 128 * 1024, 512 * 1024) : 1U << 30;
  hub.resident_blocks_bytes = by_size(random, 4 * 1024, 256 * 1024);
  // Where their count hardly bounds the inboxes, the index of what waits does.
  if (hub.inbox_envelopes_max == 100'000) hub.index_bytes_max = hub.resident_blocks_bytes / 4;
  hub.segment_bytes_max = by_size(random, 16 * 1024, 128 * 1024);
  hub.checkpoint_interval_ms = by_size(random, 50, 1600);
  return hub;
}

void add_key(Plan& plan, Random& random, const std::vector<std::string>& names) {
  KeyPlan key;
  key.key.name = names.front();
  key.key.names = names;
  for (std::uint8_t& octet : key.key.key) octet = static_cast<std::uint8_t>(random.below(255) + 1);
  for (const std::string& name : names) {
    key.agents.push_back(plan.agents.size());
    plan.agents.push_back(name);
  }
  key.posters = random.below(3);
  plan.keys.push_back(std::move(key));
}

/// One mailbox at least, and some others.
void add_written(Plan& plan, Random& random) {
  plan.hub.written_ahead_records = by_size(random, 16, 256);
  for (std::size_t i = 0; i + 1 < plan.keys.size(); ++i) {
    if (i == 0 || random.one_in(2)) plan.keys[i].key.durability = Durability::kWritten;
  }
}

/// In four of thirteen worlds: among them is none whose seed is a case of regression_test.cc.
bool make_holds_memory(std::uint64_t seed) {
  const std::uint64_t kind = seed % 13;
  return kind == 3 || kind == 4 || kind == 7 || kind == 8;
}

/// Of a stream of its own: all else is what it would be without. Written mailboxes stay so.
void add_memory(Plan& plan) {
  Random random(~(plan.seed * 0x9E3779B97F4A7C15ULL));
  const auto one = static_cast<std::size_t>(random.below(plan.keys.size() - 1));
  for (std::size_t i = 0; i + 1 < plan.keys.size(); ++i) {
    const bool drawn = i == one || random.one_in(3);
    auto& durability = plan.keys[i].key.durability;
    if (drawn && durability != Durability::kWritten) durability = Durability::kMemory;
  }
}

/// In four of seven worlds, each kind in one of them.
RetentionRule make_retention(Random& random, std::uint64_t seed) {
  switch (seed % 7) {
    case 1:
      return {RetentionKind::kAge, by_size(random, 1, 64)};
    case 2:
      return {RetentionKind::kBytes, by_size(random, 16 * 1024, 1024 * 1024)};
    case 3:
      return {RetentionKind::kCount, by_size(random, 16, 1024)};
    case 4:
      return {RetentionKind::kForever, 0};
    default:
      return {};
  }
}

}  // namespace

bool Plan::stores_nothing(std::size_t agent) const {
  return std::any_of(keys.begin(), keys.end(), [&](const KeyPlan& key) {
    return key.key.durability == Durability::kMemory &&
           std::find(key.agents.begin(), key.agents.end(), agent) != key.agents.end();
  });
}

Plan make_plan(std::uint64_t seed, std::uint64_t steps_max, Lie lie) {
  Random random(seed * 0x9E3779B97F4A7C15ULL + 1);
  Plan plan;
  plan.seed = seed;
  plan.steps_max = steps_max;
  plan.lie = lie;
  const bool large = random.one_in(6);
  plan.hub = make_hub_config(random, large);
  plan.write_buffer_bytes = by_size(random, 64 * 1024, 1024 * 1024);
  const std::size_t agents = 1 + static_cast<std::size_t>(random.below(4));
  for (std::size_t made = 0; made < agents;) {
    std::vector<std::string> names{"agent" + std::to_string(made++)};
    if (made < agents && random.one_in(3)) names.push_back("agent" + std::to_string(made++));
    add_key(plan, random, names);
  }
  plan.leaver = seed % 3 == 1;
  if (plan.leaver) {
    add_key(plan, random, {"leaver"});
    plan.keys.back().posters = 0;
  }
  add_key(plan, random, {"mallory"});
  plan.commit_delay_ns = by_size(random, 50'000, 100 * kNsPerMs);
  plan.link_delay_ns = by_size(random, 50'000, 50 * kNsPerMs);
  plan.post_interval_ns = by_size(random, 2 * kNsPerMs, 64 * kNsPerMs);
  plan.post_count_max = static_cast<std::size_t>(by_size(random, 2, 64));
  plan.payload_bytes_max = static_cast<std::size_t>(by_size(random, 16, 2048));
  if (large) plan.payload_bytes_max = 100 * 1024;
  if (large) plan.post_count_max = 8;
  plan.fault_interval_ns = between(random, 20, 400) * kNsPerMs;
  plan.hub_fault_interval_ns = between(random, 300, 3000) * kNsPerMs;
  plan.hostile = random.one_in(2);
  plan.urgent_one_in = random.one_in(2) ? by_size(random, 2, 16) : 0;
  plan.ttl_one_in = random.one_in(3) ? by_size(random, 2, 16) : 0;
  plan.key_one_in = random.one_in(3) ? by_size(random, 2, 16) : 0;
  plan.nack_one_in = random.one_in(3) ? by_size(random, 4, 64) : 0;
  plan.hub.max_deliver = static_cast<std::uint32_t>(by_size(random, 1, 16));
  if (random.one_in(6))
    plan.hub.ack_wait_ms = static_cast<std::uint32_t>(by_size(random, 500, 4000));
  plan.rots = seed % 5 == 4;
  plan.holds_written = seed % 11 >= 5 && seed % 11 <= 9;
  if (plan.holds_written) add_written(plan, random);
  plan.holds_memory = make_holds_memory(seed);
  if (plan.holds_memory) add_memory(plan);
  // Segments here hold little, and most of them something that waits.
  plan.hub.cold_percent = seed % 3 == 0 ? 90 : 40;
  plan.fills = seed % 4 == 3;
  plan.hub.retention = make_retention(random, seed);
  return plan;
}

}  // namespace capstan::sim
