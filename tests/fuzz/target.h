// What every fuzz target is: one function that shows an input to a parser and checks what it
// promises. A broken promise ends the process (CAPSTAN_CHECK), as a sanitizer's finding does.
#pragma once

#include "capstan/base/bytes.h"

namespace capstan::fuzz {

/// Shape: any bytes at all. Each target's file defines it, and says what its input stands for.
void run_one(Bytes input);

/// Whether `part` lies in `whole`: a view that leaves its input is a finding, also when nothing
/// has read it yet.
[[nodiscard]] inline bool inside(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace capstan::fuzz
