// Which workloads are measured in which order, and what becomes of the figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capstan/base/result.h"
#include "scale.h"

namespace capstan::bench {

/// Workloads by the names that rows have, in the order in which they are measured.
[[nodiscard]] std::vector<std::string> workloads();

struct SuiteOptions {
  std::vector<std::string> rows = {"one_to_one"};  ///< Workloads, or "floor" for the floor alone.
  /// The first payload's grid is searched; the others' too, and with raw rows, where `full`.
  std::vector<std::uint64_t> payloads = {256, 64, 1024};
  std::vector<bool> curve = {false, true};
  double grid_seconds = 1.0;
  double seconds = 5.0;
  int rounds = 3;
  bool full = false;
  ScaleOptions scale;  ///< Without `dir`, which is here.
  std::string dir;
};

/// Measures all that `options` name and gives each row away as soon as it stands.
Status run_suite(const SuiteOptions& options, const AddRow& add_row);

}  // namespace capstan::bench
