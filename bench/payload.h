// What envelopes of a run carry.
#pragma once

#include <cstddef>

#include "capstan/base/bytes.h"

namespace capstan::bench {

/// Bytes that no layer below can shorten; the same in every run.
[[nodiscard]] ByteBuffer incompressible(std::size_t size);

}  // namespace capstan::bench
