#include "pacer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

#include "capstan/base/check.h"
#include "capstan/base/clock.h"
#include "run_spec.h"

namespace capstan::bench {
namespace {

constexpr long kTickNs = 200'000;

std::uint64_t interval_of(double rate) {
  if (rate <= 0.0) return 0;
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(kNsPerSecond / rate));
}

int start_ticking() {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  CAPSTAN_CHECK(fd >= 0);
  const itimerspec every{{0, kTickNs}, {0, kTickNs}};
  CAPSTAN_CHECK(timerfd_settime(fd, 0, &every, nullptr) == 0);
  return fd;
}

}  // namespace

Pacer::Pacer(double envelopes_per_second, double seconds)
    : interval_ns_(interval_of(envelopes_per_second)),
      start_ns_(now_ns()),
      end_ns_(start_ns_ + static_cast<std::uint64_t>(seconds * kNsPerSecond)) {
  if (open_loop()) tick_fd_ = start_ticking();
}

Pacer::~Pacer() {
  if (tick_fd_ >= 0) close(tick_fd_);
}

std::uint64_t Pacer::due(std::uint64_t now_ns, std::uint64_t sent, std::uint64_t wanted) const {
  if (over(now_ns)) return sent;
  if (!open_loop()) return sent + wanted;
  return std::min(sent + wanted, (now_ns - start_ns_) / interval_ns_ + 1);
}

std::uint64_t Pacer::due_ns(std::uint64_t index, std::uint64_t now_ns) const {
  return open_loop() ? start_ns_ + index * interval_ns_ : now_ns;
}

void Pacer::consume_ticks() {
  std::uint64_t ticks = 0;
  if (tick_fd_ >= 0) static_cast<void>(read(tick_fd_, &ticks, sizeof ticks));
}

}  // namespace capstan::bench
