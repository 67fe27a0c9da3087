// One seed's world: a hub, its disk, its clients, and everything that goes wrong with them.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "client.h"
#include "hostile.h"
#include "hub_process.h"

namespace capstan::sim {

struct Outcome {
  std::string violation;  ///< Empty: all promises were kept.
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;   ///< Everything that happened anywhere.
  std::uint64_t events = 0;  ///< Handed to the hub core.
  Counts counts;
};

class World {
 public:
  /// `trace` takes a line for everything that happens; may be null.
  World(Plan plan, std::FILE* trace);

  /// Lives through the plan's steps with faults, is healed, comes to rest, and stops.
  [[nodiscard]] Outcome run();

 private:
  void make_clients();
  void plan_fault();
  void fault();
  void plan_hub_fault();
  void hub_fault();
  void tear_next_commit();
  void heal_later();
  void plan_departure();
  void plan_disk_space();
  void heal();
  [[nodiscard]] bool step();
  [[nodiscard]] bool run_until_rest();

  const Plan plan_;
  Random random_;
  Random operator_random_;  // Of its own: worlds without removals are what they would be.
  Schedule schedule_;
  Trace trace_;
  Counts counts_;
  Auditor auditor_;
  const Common common_;
  Disk disk_;
  Network network_;
  HubProcess hub_;
  std::vector<std::unique_ptr<Client>> clients_;  // The receiving ones stay to the end.
  std::vector<std::unique_ptr<Client>> guests_;   // The others leave when the world is healed.
  std::unique_ptr<Hostile> hostile_;
  std::unique_ptr<Client> heir_;  // Takes the hostile agent's mail in the end.
  bool healed_ = false;
  std::uint64_t steps_ = 0;
};

/// Makes and runs the world of a seed.
[[nodiscard]] Outcome run_seed(std::uint64_t seed, std::uint64_t steps_max, Lie lie = Lie::kNone,
                               std::FILE* trace = nullptr);

}  // namespace capstan::sim
