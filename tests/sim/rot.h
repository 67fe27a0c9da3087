// Damage that a disk does by itself: a block that was written, synced and checkpointed turns bad.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "capstan/base/block.h"
#include "capstan/base/random.h"
#include "memory_env.h"

namespace capstan::sim {

/// Knows every block that was written, and flips one bit of one of them on the disk.
///
/// What is lost by it is known exactly, and not from the journal: in a log that block alone
/// (FORMAT.md §8), in a table all blocks that share LevelDB's checksum with it, which LevelDB tells
/// from the one file. Only blocks below the checkpoint: what they changed is in the state, so that
/// nothing is lost but the mail in them. One above it would take agents, numbers and settlements
/// with it, of which the auditor could not say what has to come back.
class Rot {
 public:
  void remember(const Block& block);
  void checkpointed(Sequence applied) { applied_ = applied; }

  /// Damages the block that holds `sequence`, while the journal is closed or between its calls.
  /// Returns the blocks that the disk has no more; empty: none may be damaged there. A process that
  /// runs may still have them in memory.
  [[nodiscard]] std::vector<Gap> damage(MemoryEnv& env, Random& random, Sequence sequence);

 private:
  struct Known {
    Sequence last;
    std::string begin;  ///< First bytes of its records; empty: too few to find it by.
  };
  /// A bit in a file.
  struct Spot {
    std::string path;
    std::uint64_t offset = 0;
    unsigned bit = 0;
  };

  [[nodiscard]] std::vector<Spot> find(const MemoryEnv& env, Random& random,
                                       const std::string& begin) const;
  [[nodiscard]] bool may_be_lost(const std::vector<Sequence>& bases) const;

  std::map<Sequence, Known> blocks_;  // By base.
  Sequence applied_;
};

}  // namespace capstan::sim
