#include "report.h"

#include <cstdio>
#include <iomanip>
#include <sstream>

namespace capstan::bench {
namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string or_dash(const std::optional<double>& value, int digits) {
  return value ? fixed(*value, digits) : "-";
}

std::string or_dash(const std::optional<std::uint64_t>& value, const char* unit = "") {
  return value ? std::to_string(*value) + unit : "-";
}

std::optional<std::uint64_t> in_kib(const std::optional<std::uint64_t>& bytes) {
  return bytes ? std::optional(*bytes / 1024) : std::nullopt;
}

std::vector<std::string> cells_of(const Row& row) {
  return {row.system,
          row.workload,
          row.durability,
          row.curve ? "on" : "off",
          std::to_string(row.payload_bytes),
          rate_text(row.envelopes_per_second),
          or_dash(row.ratio_to_floor, 2),
          or_dash(row.ratio_to_lesser_raw, 2),
          or_dash(row.p50_us, 0),
          or_dash(row.p99_us, 0),
          or_dash(row.delivery_p50_us, 0),
          or_dash(row.delivery_p99_us, 0),
          or_dash(in_kib(row.batch_bytes), "K"),
          or_dash(row.window),
          or_dash(row.fsyncs),
          fixed(row.cpu_seconds, 1),
          std::to_string(row.runs) + "x" + fixed(row.seconds, 0) + "s"};
}

const std::vector<std::string> kColumns = {
    "system",   "workload", "durability", "CURVE",  "payload", "envelopes",
    "of floor", "of raw",   "p50 us",     "p99 us", "dlv p50", "dlv p99",
    "batch",    "window",   "fsyncs",     "CPU s",  "runs"};

std::string lines_of(const std::vector<std::vector<std::string>>& table) {
  std::vector<std::size_t> widths(kColumns.size(), 0);
  for (const auto& line : table)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::ostringstream text;
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i)
      text << (i < 3 ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << line[i]
           << (i + 1 < line.size() ? "  " : "\n");
  }
  return text.str();
}

}  // namespace

nlohmann::json row_json(const Row& row) {
  return {{"system", row.system},
          {"workload", row.workload},
          {"durability", row.durability},
          {"curve", row.curve},
          {"payload_bytes", row.payload_bytes},
          {"envelopes_per_second", row.envelopes_per_second},
          {"ratio_to_floor", or_null(row.ratio_to_floor)},
          {"p50_us", or_null(row.p50_us)},
          {"p99_us", or_null(row.p99_us)},
          {"delivery_p50_us", or_null(row.delivery_p50_us)},
          {"delivery_p99_us", or_null(row.delivery_p99_us)},
          {"ratio_to_lesser_raw", or_null(row.ratio_to_lesser_raw)},
          {"batch_bytes", or_null(row.batch_bytes)},
          {"window", or_null(row.window)},
          {"fsyncs", or_null(row.fsyncs)},
          {"cpu_seconds", row.cpu_seconds},
          {"seconds", row.seconds},
          {"runs", row.runs}};
}

std::string table_text(const Machine& machine, const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> table = {kColumns};
  for (const Row& row : rows) table.push_back(cells_of(row));
  std::ostringstream text;
  text << machine.cores << " cores, " << machine.processor << "; 4 KiB append + fdatasync "
       << fixed(machine.fdatasync_us, 0) << " us (median of 200); loopback TCP\n"
       << "rate: median run, closed loop; latency: open loop at half of it, from due time to "
          "accepted, and (dlv) to arrival; raw_leveldb: latency of one commit\n\n"
       << lines_of(table);
  return text.str();
}

std::string rate_text(double envelopes_per_second) {
  if (envelopes_per_second >= 1e6) return fixed(envelopes_per_second / 1e6, 2) + " M/s";
  return fixed(envelopes_per_second / 1e3, 1) + " k/s";
}

void progress(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

}  // namespace capstan::bench
