// How much room the journal's disk has left, and what the hub does about it.
#pragma once

#include <cstdint>
#include <optional>

#include "capstan/core/event.h"
#include "capstan/journal/store.h"

namespace capstan {

/// The state at so much free space. Full is left only when an eighth more than the reserve is free,
/// so that sends do not flap with every commit.
[[nodiscard]] DiskState disk_state(DiskState before, std::uint64_t free_bytes,
                                   std::uint64_t reserve_bytes);

/// Looks at the disk, keeps the ballast in step with it, and tells the core what has changed.
///
/// Thread: one, the admin thread.
class DiskWatch {
 public:
  /// `store` outlives this. Sends are refused below `reserve_bytes` of free space.
  DiskWatch(JournalStore& store, std::uint64_t reserve_bytes)
      : store_(store), reserve_bytes_(reserve_bytes) {}

  /// Empty while the state and, roughly, the number are those told last.
  [[nodiscard]] std::optional<Event> look();

 private:
  JournalStore& store_;
  std::uint64_t reserve_bytes_;
  std::optional<DiskSpace> told_;
};

}  // namespace capstan
