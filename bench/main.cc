// capstan_bench: how fast the hub is, and how far that is from what its sockets and disk allow.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "agent_envelope.h"
#include "capstan/base/clock.h"
#include "processes.h"
#include "roles.h"
#include "suite.h"

namespace capstan::bench {
namespace {

constexpr int kExitMissed = 3;
constexpr double kShortSetSecondsMax = 600.0;

struct CommandLine {
  bool full = false;
  bool json = false;
  bool require = false;
  std::string role;
  std::string spec;
  SuiteOptions suite;
  CLI::Option* rows_given = nullptr;
  CLI::Option* payload_given = nullptr;
  CLI::Option* seconds_given = nullptr;
};

std::string default_dir() {
  const char* temporary = std::getenv("TMPDIR");
  return temporary != nullptr ? temporary : "build/bench-data";
}

void declare(CLI::App& app, CommandLine& line) {
  line.suite.dir = default_dir();
  app.add_flag(
      "--full", line.full,
      "all rows, each payload with a grid search, five runs of 20 s (default: one_to_one, a "
      "grid search at 256 B, three runs of 5 s)");
  app.add_flag("--json", line.json, "one JSON object per row on standard output, nothing else");
  app.add_flag("--require", line.require,
               "exit code 3 when a row misses its bound, or the short set its ten minutes");
  std::vector<std::string> rows = workloads();
  rows.emplace_back("floor");
  line.rows_given = app.add_option("--rows", line.suite.rows,
                                   "workloads, each alone as well; floor: the floor alone")
                        ->delimiter(',')
                        ->check(CLI::IsMember(rows));
  line.payload_given = app.add_option("--payload", line.suite.payloads, "bytes of event_data")
                           ->delimiter(',')
                           ->check(CLI::Range(kPayloadBytesMin, std::size_t{512} * 1024));
  line.seconds_given = app.add_option("--seconds", line.suite.seconds, "length of a measured run")
                           ->check(CLI::Range(0.1, 600.0));
  app.add_option("--grid-seconds", line.suite.grid_seconds, "length of a run of the grid search")
      ->check(CLI::Range(0.1, 60.0))
      ->capture_default_str();
  ScaleOptions& scale = line.suite.scale;
  app.add_option("--envelopes", scale.envelopes, "that wait in backlog and restart")
      ->check(CLI::Range(1'000, 10'000'000))
      ->capture_default_str();
  app.add_option("--crowd", scale.crowd, "absent agents of backlog and pinned")
      ->check(CLI::Range(1, 50'000))
      ->capture_default_str();
  app.add_option("--idle-agents", scale.idle_agents, "connected agents of idle_agents")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--pinned-gib", scale.pinned_gib, "GiB of load that pass by in pinned")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--dir", line.suite.dir, "where data is written; on the disk to be measured")
      ->capture_default_str();
  app.add_option("--role", line.role, "")->group("");
  app.add_option("--spec", line.spec, "")->group("");
}

void widen_to_full(CommandLine& line) {
  line.suite.full = true;
  line.suite.rounds = 5;
  if (line.rows_given->count() == 0) line.suite.rows = workloads();
  if (line.seconds_given->count() == 0) line.suite.seconds = 20.0;
}

bool is_short_set(const CommandLine& line) {
  return !line.full && line.rows_given->count() == 0 && line.seconds_given->count() == 0;
}

int fail(const Error& error) {
  std::fprintf(stderr, "capstan_bench: %s\n", error.text().c_str());
  return EXIT_FAILURE;
}

int run_as_role(const CommandLine& line) {
  const RunSpec spec = RunSpec::from_json(nlohmann::json::parse(line.spec));
  const Status done = run_role(line.role, spec);
  return done ? EXIT_SUCCESS : fail(done.error());
}

int run_as_bench(const CommandLine& line) {
  end_gently_when_interrupted();
  auto machine = describe_machine(line.suite.dir);
  if (!machine) return fail(machine.error());
  std::vector<Row> rows;
  const auto add_row = [&](const Row& row) {
    rows.push_back(row);
    if (line.json) {
      std::printf("%s\n", row_json(row).dump().c_str());
      std::fflush(stdout);
    }
  };
  const std::uint64_t start_ns = now_ns();
  const Status done = run_suite(line.suite, add_row);
  const double seconds = static_cast<double>(now_ns() - start_ns) / kNsPerSecond;
  if (!rows.empty())
    std::fprintf(line.json ? stderr : stdout, "%s", table_text(*machine, rows).c_str());
  progress("took " + std::to_string(std::lround(seconds)) + " s");
  if (!done) return fail(done.error());
  const auto misses = [](const Row& row) { return row.within_bound == false; };
  const bool missed = std::any_of(rows.begin(), rows.end(), misses) ||
                      (is_short_set(line) && seconds > kShortSetSecondsMax);
  return line.require && missed ? kExitMissed : EXIT_SUCCESS;
}

int run(int argc, char** argv) {
  CLI::App app("Measures Capstan against the floor: the same sockets and disk without a broker.");
  CommandLine line;
  declare(app, line);
  CLI11_PARSE(app, argc, argv);
  if (line.full) widen_to_full(line);
  return line.role.empty() ? run_as_bench(line) : run_as_role(line);
}

}  // namespace
}  // namespace capstan::bench

int main(int argc, char** argv) {
  try {
    return capstan::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "capstan_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
