// The name that libFuzzer calls. Preset `fuzz` only; elsewhere replay.cc takes its place.
#include "target.h"

// NOLINTNEXTLINE(readability-identifier-naming): the library looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  capstan::fuzz::run_one({data, size});
  return 0;
}
