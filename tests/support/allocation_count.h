// How often this program has asked for memory. Whoever links capstan_allocation_count gets an
// operator new that counts, so that has to be a program of its own.
#pragma once

#include <cstdint>

namespace capstan::test {

/// Calls of operator new so far, by all threads.
[[nodiscard]] std::uint64_t allocation_count();

}  // namespace capstan::test
