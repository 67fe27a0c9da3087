#include "payload.h"

namespace capstan::bench {

ByteBuffer incompressible(std::size_t size) {
  ByteBuffer bytes(size);
  std::uint64_t state = 0x9E3779B97F4A7C15U;
  for (std::uint8_t& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::uint8_t>(state >> 56U);
  }
  return bytes;
}

}  // namespace capstan::bench
