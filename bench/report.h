// How results leave the program: a table for people, one JSON object per row for programs.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "machine.h"

namespace capstan::bench {

struct Row {
  std::string system;      ///< capstan, floor, raw_zmq or raw_leveldb.
  std::string workload;    ///< one_to_one.
  std::string durability;  ///< synced, or none where nothing is stored.
  bool curve = false;
  std::uint64_t payload_bytes = 0;
  double envelopes_per_second = 0.0;
  std::optional<double> ratio_to_floor = {};
  std::optional<double> p50_us = {};  ///< Until accepted.
  std::optional<double> p99_us = {};
  std::optional<double> delivery_p50_us = {};
  std::optional<double> delivery_p99_us = {};
  std::optional<double> ratio_to_lesser_raw = {};  ///< The floor's own; honest from 0.7 up.
  std::optional<std::uint64_t> batch_bytes = {};
  std::optional<std::uint64_t> window = {};
  std::optional<std::uint64_t> fsyncs = {};
  double cpu_seconds = 0.0;
  double seconds = 0.0;
  int runs = 0;
};

/// Shape: every field of Row by its name, null where there is no value.
[[nodiscard]] nlohmann::json row_json(const Row& row);

/// The table with its header.
[[nodiscard]] std::string table_text(const Machine& machine, const std::vector<Row>& rows);

/// "0.89 M/s"
[[nodiscard]] std::string rate_text(double envelopes_per_second);

/// One line to standard error.
void progress(const std::string& line);

}  // namespace capstan::bench
