// From the journal on disk to the state in memory. FORMAT.md §7.
#pragma once

#include "capstan/core/hub.h"
#include "capstan/journal/store.h"

namespace capstan {

struct Recovered {
  State state;
  HubStart start;  ///< All but seed, boot and version.
  RecoverySummary summary;
};

/// Replays the checkpoint and the records after it.
/// Errors: those of JournalStore::recover(), and kDamaged for a record that nobody can read.
[[nodiscard]] Result<Recovered> recover_state(JournalStore& store);

}  // namespace capstan
