#include "disk_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace capstan {

namespace {

/// A change worth a wake-up of the core, for `status`.
constexpr std::uint64_t kToldStepBytes = std::uint64_t{1} << 20;

}  // namespace

DiskState disk_state(DiskState before, std::uint64_t free_bytes, std::uint64_t reserve_bytes) {
  const bool was_full = before == DiskState::kFull;
  if (free_bytes < reserve_bytes + (was_full ? reserve_bytes / 8 : 0)) return DiskState::kFull;
  return free_bytes / 2 < reserve_bytes ? DiskState::kLow : DiskState::kOk;
}

std::optional<Event> DiskWatch::look() {
  if (Status settled = store_.settle_ballast(); !settled) {
    spdlog::warn("ballast=failed error=\"{}\"", settled.error().text());
  }
  const auto free = store_.disk_free_bytes();
  if (!free) {
    spdlog::warn("disk=unknown error=\"{}\"", free.error().text());
    return std::nullopt;
  }
  const DiskState before = told_ ? told_->state : DiskState::kOk;
  const DiskSpace now{disk_state(before, *free, reserve_bytes_), *free};
  if (told_ && told_->state == now.state) {
    const auto [less, more] = std::minmax(told_->free_bytes, now.free_bytes);
    if (more - less < kToldStepBytes) return std::nullopt;
  }
  told_ = now;
  return now;
}

}  // namespace capstan
