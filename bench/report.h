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
  std::string workload;    ///< one_to_one, backlog, idle_agents, restart or pinned.
  std::string durability;  ///< Of the mailbox; none: there is none.
  bool curve = false;
  std::uint64_t payload_bytes = 0;
  std::optional<double> envelopes_per_second = {};
  std::optional<double> ratio_to_floor = {};
  std::optional<double> p50_us = {};  ///< Until accepted.
  std::optional<double> p99_us = {};
  std::optional<double> delivery_p50_us = {};
  std::optional<double> delivery_p99_us = {};
  std::optional<double> ratio_to_lesser_raw = {};  ///< The floor's own; honest from 0.7 up.
  std::optional<std::uint64_t> batch_bytes = {};
  std::optional<std::uint64_t> window = {};
  std::optional<std::uint64_t> fsyncs = {};
  std::optional<double> cpu_seconds = {};
  std::optional<double> seconds = {};
  int runs = 1;

  // What the workloads other than one_to_one are about.
  std::optional<std::uint64_t> agents = {};
  std::optional<std::uint64_t> envelopes = {};       ///< Stored by the hub.
  std::optional<std::uint64_t> rss_anon_bytes = {};  ///< Of the hub.
  std::optional<std::uint64_t> bytes_per_agent = {};
  std::optional<double> drained_per_second = {};  ///< Envelopes that had waited.
  std::optional<double> ready_seconds = {};
  std::optional<bool> page_cache_dropped = {};
  std::optional<std::uint64_t> disk_bytes = {};
  std::optional<std::uint64_t> needed_bytes = {};  ///< Of the envelopes that still wait.

  // One figure of some rows has a bound.
  std::string bounded = {};  ///< That figure's field; empty without a bound.
  std::optional<double> bound = {};
  std::optional<bool> within_bound = {};
};

/// Notes the bound of the figure in field `bounded`, whose value is `value`.
void set_upper_bound(Row& row, const std::string& bounded, double value, double bound);
void set_lower_bound(Row& row, const std::string& bounded, double value, double bound);

/// Shape: every field of Row by its name, null where there is no value.
[[nodiscard]] nlohmann::json row_json(const Row& row);

/// The machine; a table of the rows of one_to_one; a line for each other row.
[[nodiscard]] std::string table_text(const Machine& machine, const std::vector<Row>& rows);

/// "backlog: 1 agent, 10000000 envelopes of 256 B, …; rss_anon_bytes at most …: within bound"
[[nodiscard]] std::string line_text(const Row& row);

/// "0.89 M/s"
[[nodiscard]] std::string rate_text(double envelopes_per_second);

/// One line to standard error.
void progress(const std::string& line);

}  // namespace capstan::bench
