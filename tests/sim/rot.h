// Damage that a disk does by itself: a block that was written, synced and checkpointed turns bad.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "capstan/base/block.h"
#include "capstan/base/random.h"
#include "memory_env.h"

namespace capstan::sim {

/// Knows where blocks begin, and flips a bit in one of them on the disk.
///
/// Only blocks below the checkpoint: what they changed is in the state, so that nothing is lost but
/// the mail in them. A block above it would take agents, numbers and settlements with it, of which
/// the auditor could not say what has to come back.
class Rot {
 public:
  void remember(const Block& block);
  void checkpointed(Sequence applied) { applied_ = applied; }

  /// The block that holds `sequence`, when it may be damaged; it is remembered no longer.
  [[nodiscard]] std::optional<Gap> damage(MemoryEnv& env, Random& random, Sequence sequence);

 private:
  struct Known {
    Sequence last;
    std::string begin;  ///< First bytes of its records, an envelope's id among them.
  };

  std::map<Sequence, Known> blocks_;
  Sequence applied_;
};

}  // namespace capstan::sim
