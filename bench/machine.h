// The machine under the figures.
#pragma once

#include <string>

#include "capstan/base/result.h"

namespace capstan::bench {

struct Machine {
  unsigned cores = 0;
  std::string processor;
  double fdatasync_us = 0.0;  ///< Median of 200 appends of 4 KiB, each made durable.
};

/// Measures in a file of its own under `dir`. Errors: kIo.
Result<Machine> describe_machine(const std::string& dir);

}  // namespace capstan::bench
