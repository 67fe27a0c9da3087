#include "capstan/base/clock.h"

#include <chrono>

namespace capstan {

Time SystemClock::now() const {
  const auto ns = [](auto since_epoch) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count());
  };
  return {ns(std::chrono::steady_clock::now().time_since_epoch()),
          ns(std::chrono::system_clock::now().time_since_epoch())};
}

}  // namespace capstan
