// Which workloads are measured in which order, and what becomes of the figures.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "capstan/base/result.h"
#include "report.h"

namespace capstan::bench {

struct SuiteOptions {
  std::vector<std::string> rows = {"one_to_one"};  ///< Workloads; none: the floor alone.
  std::vector<std::uint64_t> payloads = {256};
  std::vector<bool> curve = {false, true};
  double grid_seconds = 1.0;
  double seconds = 5.0;
  int rounds = 3;
  std::string dir;
};

/// Measures all that `options` name and gives each row away as soon as it stands.
Status run_suite(const SuiteOptions& options, const std::function<void(const Row&)>& add_row);

}  // namespace capstan::bench
