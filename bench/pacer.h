// When the envelopes of a run are due: a fixed rate, or as soon as they are accepted.
#pragma once

#include <cstdint>

namespace capstan::bench {

/// Open loop: envelope i is due at start + i × interval, whatever became of the ones before it, and
/// a descriptor becomes readable five thousand times a second so that nobody has to spin.
///
/// Closed loop (rate 0): everything is due at once.
class Pacer {
 public:
  Pacer(double envelopes_per_second, double seconds);
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;
  ~Pacer();

  [[nodiscard]] bool open_loop() const { return interval_ns_ > 0; }
  [[nodiscard]] std::uint64_t start_ns() const { return start_ns_; }
  [[nodiscard]] std::uint64_t interval_ns() const { return interval_ns_; }

  /// Envelopes that should have been sent by `now_ns`, all together; at most `sent + wanted`.
  [[nodiscard]] std::uint64_t due(std::uint64_t now_ns, std::uint64_t sent,
                                  std::uint64_t wanted) const;

  /// When envelope `index`, sent at `now_ns`, should have been sent.
  [[nodiscard]] std::uint64_t due_ns(std::uint64_t index, std::uint64_t now_ns) const;

  /// True when the time of the run is over.
  [[nodiscard]] bool over(std::uint64_t now_ns) const { return now_ns >= end_ns_; }

  /// For poll(); -1 in a closed loop.
  [[nodiscard]] int tick_fd() const { return tick_fd_; }
  void consume_ticks();

 private:
  const std::uint64_t interval_ns_;
  const std::uint64_t start_ns_;
  const std::uint64_t end_ns_;
  int tick_fd_ = -1;
};

}  // namespace capstan::bench
