// capstan_demo: two agents talk through a hub that is killed with kill -9 while they do.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "capstan/base/clock.h"
#include "capstan/security/layout.h"
#include "capstan/security/random.h"
#include "child_process.h"
#include "config/agent_files.h"
#include "config/init.h"
#include "roles.h"

namespace capstan::demo {
namespace {

struct Options {
  std::uint64_t envelopes = 1'000'000;
  std::uint64_t kills = 5;
  std::string directory;
  std::string role;  ///< Empty: the demonstration itself; otherwise one of its processes.
};

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

/// A folder that goes when the demonstration ends well, and stays for a look otherwise.
std::string make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "capstan-demo-XXXXXX").string();
  return ::mkdtemp(name.data()) == nullptr ? std::string() : name;
}

Result<std::unique_ptr<ChildProcess>> start_hub(const std::string& directory) {
  return ChildProcess::start({(program_folder() / "capstand").string(), "--dir", directory},
                             directory + "/hub.log");
}

Result<std::unique_ptr<ChildProcess>> start_role(const Options& options, const std::string& role) {
  return ChildProcess::start({(program_folder() / "capstan_demo").string(), "--role", role, "--dir",
                              options.directory, "--envelopes", std::to_string(options.envelopes)});
}

/// The hub's folder with alice and bob admitted.
Status prepare(const std::string& directory) {
  if (const auto made = init_directory(directory + "/hub", "tcp://127.0.0.1:0"); !made) {
    return made.error();
  }
  for (const char* name : {kSenderName, kReceiverName}) {
    const auto added = add_agent(Layout{directory + "/hub"}, name, {}, {}, AdmissionFile::kWrite);
    if (!added) return added.error();
  }
  return {};
}

/// The number in "at N"; 0 for other lines.
std::uint64_t progress_in(const std::string& line) {
  std::uint64_t at = 0;
  if (line.starts_with("at ")) std::from_chars(line.data() + 3, line.data() + line.size(), at);
  return at;
}

void show_progress(std::uint64_t at, const Options& options, std::uint64_t kills) {
  if (::isatty(STDOUT_FILENO) == 0) return;
  std::printf("\r%3lu %%  %lu of %lu envelopes received, hub killed %lu times",
              at * 100 / options.envelopes, at, options.envelopes, kills);
  std::fflush(stdout);
}

int fail(const Error& error) {
  std::cerr << "capstan_demo: " << error.text() << '\n';
  return 1;
}

double seconds_between(const Time& begin, const Time& end) {
  return static_cast<double>(end.monotonic_ns - begin.monotonic_ns) / 1e9;
}

/// Follows the receiver and kills the hub at even distances; the receiver's verdict at the end.
Result<std::string> follow(const Options& options, ChildProcess& receiver,
                           std::unique_ptr<ChildProcess>& hub) {
  std::uint64_t kills = 0;
  std::string verdict;
  for (std::string line = receiver.read_line(); !line.empty(); line = receiver.read_line()) {
    const std::uint64_t at = progress_in(line);
    if (at == 0) {
      verdict = line;
      continue;
    }
    show_progress(at, options, kills);
    if (kills < options.kills && at >= (kills + 1) * options.envelopes / (options.kills + 1)) {
      hub->kill();
      ++kills;
      auto restarted = start_hub(options.directory);
      if (!restarted) return restarted.error();
      hub = *std::move(restarted);
      if (::isatty(STDOUT_FILENO) == 0) {
        std::printf("kill -9 of the hub, %lu of %lu, at envelope %lu\n", kills, options.kills, at);
        std::fflush(stdout);
      }
    }
  }
  if (::isatty(STDOUT_FILENO) != 0) std::printf("\n");
  if (kills < options.kills) {
    return {ErrorCode::kIo, "the hub was killed only " + std::to_string(kills) + " times"};
  }
  return verdict;
}

/// The hub is up when it has written where it listens.
Status wait_for_endpoint(const Layout& layout, ChildProcess& hub) {
  const SystemClock clock;
  const std::uint64_t until = clock.now().monotonic_ns + 10 * kNsPerSecond;
  while (clock.now().monotonic_ns < until) {
    if (std::filesystem::exists(layout.endpoint())) return {};
    ::usleep(10'000);
  }
  hub.kill();
  return {ErrorCode::kUnavailable, "the hub did not start; see hub.log beside its folder"};
}

int run_demo(Options options) {
  const std::string folder = options.directory.empty() ? make_folder() : options.directory;
  if (Status prepared = prepare(folder); !prepared) return fail(prepared.error());
  options.directory = folder + "/hub";
  std::printf(
      "%lu envelopes of %zu B from %s to %s: TCP, CURVE, every accept synced to disk; the "
      "hub is killed %lu times\nfolder %s\n",
      options.envelopes, kPayloadBytes, kSenderName, kReceiverName, options.kills, folder.c_str());
  std::fflush(stdout);
  auto hub = start_hub(options.directory);
  if (!hub) return fail(hub.error());
  if (Status up = wait_for_endpoint(Layout{options.directory}, **hub); !up) return fail(up.error());
  const SystemClock clock;
  const Time begin = clock.now();
  auto receiver = start_role(options, "receiver");
  if (!receiver) return fail(receiver.error());
  auto sender = start_role(options, "sender");
  if (!sender) return fail(sender.error());
  const auto verdict = follow(options, **receiver, *hub);
  if (!verdict) return fail(verdict.error());
  const int receiver_exit = (*receiver)->wait();
  const int sender_exit = (*sender)->wait();
  const double seconds = seconds_between(begin, clock.now());
  const int hub_exit = (*hub)->terminate();
  const bool clean = receiver_exit == 0 && sender_exit == 0 && hub_exit == 0;
  if (!clean) {
    std::printf("sender exit %d, receiver exit %d, hub exit %d; the folder stays\n", sender_exit,
                receiver_exit, hub_exit);
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::printf("%s\n%.0f envelopes/s, restarts included (%.1f s)\n", verdict->c_str(),
              static_cast<double>(options.envelopes) / seconds, seconds);
  return clean ? 0 : 1;
}

int main_of(int argc, char** argv) {
  CLI::App app{"Two agents, one hub, kill -9 under load: nothing lost, doubled or out of order."};
  Options options;
  app.add_option("--envelopes", options.envelopes, "How many")->capture_default_str();
  app.add_option("--kills", options.kills, "How often the hub is killed")->capture_default_str();
  app.add_option("--dir", options.directory, "Folder to work in (default: a temporary one)");
  app.add_option("--role", options.role)->group("");
  CLI11_PARSE(app, argc, argv);
  if (Status ready = init_security(); !ready) return fail(ready.error());
  if (options.role == "sender") return run_sender(options.directory, options.envelopes);
  if (options.role == "receiver") return run_receiver(options.directory, options.envelopes);
  return run_demo(options);
}

}  // namespace
}  // namespace capstan::demo

int main(int argc, char** argv) { return capstan::demo::main_of(argc, argv); }
