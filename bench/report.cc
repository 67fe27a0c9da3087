#include "report.h"

#include <cstdio>
#include <iomanip>
#include <sstream>
#include <utility>

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

std::string bytes_text(double bytes) {
  constexpr double kKiB = 1024;
  constexpr double kMiB = 1024 * kKiB;
  return bytes < kMiB ? fixed(bytes / kKiB, 1) + " KiB" : fixed(bytes / kMiB, 1) + " MiB";
}

std::string bound_text(const Row& row) {
  const std::string bound =
      row.bounded == "ready_seconds" ? fixed(*row.bound, 1) + " s" : bytes_text(*row.bound);
  return "bound " + bound + (*row.within_bound ? ": kept" : ": MISSED");
}

std::vector<std::string> cells_of(const Row& row) {
  return {row.system,
          row.workload,
          row.durability,
          row.curve ? "on" : "off",
          std::to_string(row.payload_bytes),
          row.envelopes_per_second ? rate_text(*row.envelopes_per_second) : "-",
          or_dash(row.ratio_to_floor, 2),
          or_dash(row.ratio_to_lesser_raw, 2),
          or_dash(row.p50_us, 0),
          or_dash(row.p99_us, 0),
          or_dash(row.delivery_p50_us, 0),
          or_dash(row.delivery_p99_us, 0),
          or_dash(in_kib(row.batch_bytes), "K"),
          or_dash(row.window),
          or_dash(row.fsyncs),
          or_dash(row.cpu_seconds, 1),
          std::to_string(row.runs) + "x" + or_dash(row.seconds, 0) + "s"};
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
          {"envelopes_per_second", or_null(row.envelopes_per_second)},
          {"ratio_to_floor", or_null(row.ratio_to_floor)},
          {"p50_us", or_null(row.p50_us)},
          {"p99_us", or_null(row.p99_us)},
          {"delivery_p50_us", or_null(row.delivery_p50_us)},
          {"delivery_p99_us", or_null(row.delivery_p99_us)},
          {"ratio_to_lesser_raw", or_null(row.ratio_to_lesser_raw)},
          {"batch_bytes", or_null(row.batch_bytes)},
          {"window", or_null(row.window)},
          {"fsyncs", or_null(row.fsyncs)},
          {"cpu_seconds", or_null(row.cpu_seconds)},
          {"seconds", or_null(row.seconds)},
          {"runs", row.runs},
          {"agents", or_null(row.agents)},
          {"envelopes", or_null(row.envelopes)},
          {"rss_anon_bytes", or_null(row.rss_anon_bytes)},
          {"bytes_per_agent", or_null(row.bytes_per_agent)},
          {"drained_per_second", or_null(row.drained_per_second)},
          {"ready_seconds", or_null(row.ready_seconds)},
          {"page_cache_dropped", or_null(row.page_cache_dropped)},
          {"disk_bytes", or_null(row.disk_bytes)},
          {"needed_bytes", or_null(row.needed_bytes)},
          {"bounded", row.bounded.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.bounded)},
          {"bound", or_null(row.bound)},
          {"within_bound", or_null(row.within_bound)}};
}

std::string table_text(const Machine& machine, const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> table = {kColumns};
  std::string lines;
  for (const Row& row : rows) {
    if (row.workload == "one_to_one") {
      table.push_back(cells_of(row));
    } else {
      lines += line_text(row) + "\n";
    }
  }
  std::ostringstream text;
  text << machine.cores << " cores, " << machine.processor << "; 4 KiB append + fdatasync "
       << fixed(machine.fdatasync_us, 0) << " us (median of 200); loopback TCP\n";
  if (table.size() > 1)
    text << "rate: median run, closed loop; latency: open loop at half of it, from due time to "
            "accepted, and (dlv) to arrival; raw_leveldb: latency of one commit\n\n"
         << lines_of(table);
  if (!lines.empty()) text << "\n" << lines;
  return text.str();
}

std::string line_text(const Row& row) {
  std::ostringstream text;
  text << row.workload << ": ";
  if (row.agents) text << *row.agents << (*row.agents == 1 ? " agent" : " agents");
  if (row.envelopes)
    text << ", " << *row.envelopes << " envelopes of " << row.payload_bytes << " B";
  text << ", CURVE " << (row.curve ? "on" : "off");
  if (row.page_cache_dropped)
    text << ", page cache " << (*row.page_cache_dropped ? "dropped" : "warm");
  if (row.envelopes_per_second) text << ", stored at " << rate_text(*row.envelopes_per_second);
  if (row.drained_per_second) text << ", drained at " << rate_text(*row.drained_per_second);
  for (const auto& [name, bytes] :
       {std::pair("RssAnon", row.rss_anon_bytes), std::pair("per agent", row.bytes_per_agent),
        std::pair("disk", row.disk_bytes), std::pair("needed", row.needed_bytes)})
    if (bytes) text << ", " << name << " " << bytes_text(static_cast<double>(*bytes));
  if (row.ready_seconds) text << ", ready after " << fixed(*row.ready_seconds, 2) << " s";
  if (row.bound) text << "; " << bound_text(row);
  return text.str();
}

void set_upper_bound(Row& row, const std::string& bounded, double value, double bound) {
  row.bounded = bounded;
  row.bound = bound;
  row.within_bound = value <= bound;
}

void set_lower_bound(Row& row, const std::string& bounded, double value, double bound) {
  row.bounded = bounded;
  row.bound = bound;
  row.within_bound = value >= bound;
}

std::string rate_text(double envelopes_per_second) {
  if (envelopes_per_second >= 1e6) return fixed(envelopes_per_second / 1e6, 2) + " M/s";
  return fixed(envelopes_per_second / 1e3, 1) + " k/s";
}

void progress(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

}  // namespace capstan::bench
