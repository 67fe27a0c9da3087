// capstand: makes the real clock, disk, sockets and threads, and hands over to the core thread.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "admin_thread.h"
#include "admitted_key.h"
#include "auth/auth_thread.h"
#include "capstan/codec/limits.h"
#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "capstan/security/process.h"
#include "capstan/security/random.h"
#include "config/config.h"
#include "config/endpoint.h"
#include "config/init.h"
#include "config/run_folder.h"
#include "config/standard_streams.h"
#include "core_thread.h"
#include "disk_watch.h"
#include "recovery.h"
#include "version.h"

namespace capstan {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitConfig = 78;

struct Options {
  std::string directory;
  std::string config_file;
  bool check_config = false;
};

int fail(const Error& error) {
  std::cerr << "capstand: " << error.text() << '\n';
  return error.code == ErrorCode::kBadConfig ? kExitConfig : kExitFailed;
}

/// What the journal, the log and some hundred connections take.
constexpr rlim_t kDescriptorsMin = 512;

/// A connection and a table file cost a descriptor each; LevelDB reads the limit once, at first
/// use. libzmq spins when it has none left for a new connection: better not to begin.
Status raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max >= kDescriptorsMin) return {};
  return {ErrorCode::kBadConfig,
          "this process may open " + std::to_string(limit.rlim_max) +
              " files; the hub needs one for each connection, and " +
              std::to_string(kDescriptorsMin) +
              " at least: raise the hard limit (`ulimit -Hn 65536`, or LimitNOFILE=65536 in its "
              "service)"};
}

/// Signals are read from a descriptor by the core thread; no other thread sees them.
int open_signal_fd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

void set_log_level(LogLevel level) {
  spdlog::set_level(spdlog::level::from_str(std::string(log_level_text(level))));
}

void open_log(LogLevel level) {
  auto logger = spdlog::stderr_logger_mt("capstand");
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%fZ level=%l %v", spdlog::pattern_time_type::utc);
  set_log_level(level);
}

RetentionRule retention_rule(const Config::Retention& retention) {
  const RetentionKind kind = *retention_kind_of_text(retention.kind);
  switch (kind) {
    case RetentionKind::kAge:
      return {kind, retention.age_seconds};
    case RetentionKind::kBytes:
      return {kind, retention.bytes};
    case RetentionKind::kCount:
      return {kind, retention.count};
    case RetentionKind::kSettled:
    case RetentionKind::kForever:
      break;
  }
  return {kind, 0};
}

HubConfig hub_config(const Config& config) {
  HubConfig hub;
  hub.heartbeat_ms = static_cast<std::uint32_t>(config.delivery.heartbeat_ms);
  hub.lease_ms = static_cast<std::uint32_t>(config.delivery.lease_ms);
  hub.inbox_envelopes_max = config.delivery.inbox_envelopes_max;
  hub.inbox_bytes_max = config.delivery.inbox_bytes_max;
  hub.max_deliver = static_cast<std::uint32_t>(config.delivery.max_deliver);
  hub.ack_wait_ms = static_cast<std::uint32_t>(config.delivery.ack_wait_ms);
  hub.durability = *durability_of_text(config.delivery.durability);
  hub.agents_per_key_max = config.security.agents_per_key_max;
  hub.window_envelopes = config.send.window_envelopes;
  hub.window_bytes = config.send.window_bytes;
  hub.commit_budget_bytes = config.send.commit_budget_bytes;
  hub.resident_blocks_bytes = config.memory.resident_blocks_bytes;
  hub.index_bytes_max = config.memory.index_bytes_max;
  hub.segment_bytes_max = config.journal.segment_bytes_max;
  hub.checkpoint_interval_ms = config.journal.checkpoint_interval_ms;
  hub.retention = retention_rule(config.retention);
  return hub;
}

void log_recovery(const Recovered& recovered) {
  const RecoverySummary& found = recovered.summary;
  spdlog::info("recovered last_sequence={} applied={} replayed_blocks={} segments={} agents={}",
               found.last_sequence.value, found.applied.value, found.replayed_blocks,
               found.segments.size(), recovered.state.agents().size());
  for (const std::string& path : found.quarantined) {
    spdlog::error("quarantined path={} reason=damaged", path);
  }
  for (const Sequence& base : recovered.start.chain_breaks) {
    spdlog::error("chain_break block={} reason=\"not written after the block before it\"",
                  base.value);
  }
  for (const Gap& gap : recovered.start.gaps) {
    spdlog::error("gap first={} last={} reason=damaged", gap.first.value, gap.last.value);
  }
}

/// Where to bind, when nobody else does.
Result<Endpoint> listen_endpoint(const Config& config) {
  const auto written = parse_endpoint(config.listen.endpoint);
  if (!written) return written.error();
  auto endpoint = resolve_endpoint(*written, config.base);
  if (!endpoint) return endpoint.error();
  if (Status free = check_ipc_place(*endpoint); !free) return free.error();
  return endpoint;
}

/// A failed mount of agents/ must not look like everybody's retirement.
Status check_agents_present(const Layout& layout, const CredentialSnapshot& credentials,
                            const State& state) {
  if (!credentials.admissions().empty() || state.agents().empty()) return {};
  return {ErrorCode::kBadConfig,
          layout.admissions().string() + " is empty, but the journal knows " +
              std::to_string(state.agents().size()) +
              " agents; is the folder mounted? Put the files back, or move the journal away"};
}

/// Of the configuration, the log's level is what a running hub takes over.
Status reload_log_level(const std::filesystem::path& config_file) {
  const auto config = load_config(config_file);
  if (!config) return config.error();
  set_log_level(config->log.level);
  return {};
}

int serve(const Layout& layout, const std::filesystem::path& config_file, const Config& config) {
  const int signal_fd =
      open_signal_fd();  // Before any thread starts: all of them inherit the mask.
  auto lock = RunLock::acquire(layout);
  if (!lock) return fail(lock.error());
  auto admissions = load_admissions(layout.admissions());
  if (!admissions) return fail({ErrorCode::kBadConfig, admissions.error().text()});
  auto snapshot = CredentialSnapshot::build(*std::move(admissions));
  if (!snapshot) return fail({ErrorCode::kBadConfig, snapshot.error().text()});
  CredentialStore credentials(*snapshot);
  const auto retired = load_retired(layout.admissions());
  if (!retired) return fail({ErrorCode::kBadConfig, retired.error().text()});
  auto hub_key = load_key_file(layout.hub_key());
  if (!hub_key) return fail(hub_key.error());

  JournalOptions journal_options;
  journal_options.directory = config.journal_directory();
  journal_options.reserve_bytes = config.journal.disk_reserve_bytes;
  auto store = JournalStore::open(journal_options);
  if (!store) return fail(store.error());
  auto recovered = recover_state(**store);
  if (!recovered) return fail(recovered.error());
  if (Status present = check_agents_present(layout, **snapshot, recovered->state); !present) {
    return fail(present.error());
  }

  const auto endpoint = listen_endpoint(config);
  if (!endpoint) return fail(endpoint.error());
  // One context for the life of the process: ending one breaks CURVE in every other.
  static zmq::context_t context;
  const Encryption encryption = config.security.curve ? Encryption::kCurve : Encryption::kNone;
  auto auth = AuthThread::start(context, credentials, encryption);
  if (!auth) return fail(auth.error());
  ServerSecurity security;
  security.encryption = encryption;
  security.hub_key = config.security.curve ? &hub_key->secret_key : nullptr;
  security.message_bytes_max = kBatchBytesMax;
  security.ipv6 = endpoint->is_ipv6();
  if (Status tested = (*auth)->self_test(security); !tested) return fail(tested.error());
  auto router = Router::bind(context, security, credentials, endpoint->text());
  if (!router) return fail(router.error());
  if (Status written = write_endpoint(layout, (*router)->endpoint()); !written) {
    return fail(written.error());
  }

  spdlog::info("listening on {}", (*router)->endpoint());
  if (!config.security.curve) {
    spdlog::warn("curve=off reason=\"anybody who reaches {} may speak as any agent\"",
                 (*router)->endpoint());
  }
  log_recovery(*recovered);

  HubStart start = recovered->start;
  start.seed = secure_seed();
  secure_random(start.boot.bytes);
  start.version = kVersion;
  const SystemClock clock;
  DiskWatch disk(**store, config.journal.disk_reserve_bytes);
  AdminThread admin(layout, credentials, [&config_file] { return reload_log_level(config_file); },
                    {[&disk] { return disk.look(); }});
  JournalThreads journal(**store);
  CoreThread core({clock, **router, **store, journal, admin, **auth, signal_fd});
  return core.run(hub_config(config), std::move(recovered->state), start,
                  to_admitted_keys(**snapshot), to_withdrawn(*retired));
}

int run(const Options& options) {
  const Layout layout{options.directory};
  const std::filesystem::path config_file = options.config_file.empty()
                                                ? layout.config_file()
                                                : std::filesystem::path(options.config_file);
  std::error_code ignored;  // What cannot be looked at cannot be made either, which says why.
  if (options.config_file.empty() && !options.check_config &&
      !std::filesystem::exists(config_file, ignored)) {
    auto endpoint = init_directory(layout.directory, "tcp://127.0.0.1:7450");
    if (!endpoint) return fail(endpoint.error());
    std::cout << "no capstan.toml in " << layout.directory.string()
              << ": made a hub's folder there (as `capstan init` does), listening on " << *endpoint
              << std::endl;
  }
  const auto config = load_config(config_file);
  if (!config) {
    std::cerr << config.error().context << '\n';
    return kExitConfig;
  }
  if (options.check_config) {
    std::cout << config_file.string() << ": ok\n";
    return 0;
  }
  open_log(config->log.level);
  return serve(layout, config_file, *config);
}

int main_of(int argc, char** argv) {
  if (Status opened = open_standard_streams(); !opened) return fail(opened.error());
  CLI::App app{
      "The Capstan hub. Runs in the foreground; SIGTERM drains, SIGHUP reloads agents/ and the log "
      "level."};
  app.name("capstand");
  Options options;
  options.directory = default_directory();
  app.add_option("--dir", options.directory,
                 "The hub's folder (default: $CAPSTAN_DIR, else the current directory)");
  app.add_option("--config", options.config_file, "Another file than DIR/capstan.toml");
  app.add_flag("--check-config", options.check_config, "Check the configuration and exit");
  app.set_version_flag("--version", std::string("capstand ") + kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  ::umask(0077);
  if (Status raised = raise_descriptor_limit(); !raised) return fail(raised.error());
  if (Status hardened = harden_process(); !hardened) return fail(hardened.error());
  if (Status ready = init_security(); !ready) return fail(ready.error());
  // libzmq numbers its peers from rand(), and never seeds it.
  std::srand(static_cast<unsigned>(secure_seed()));
  return run(options);
}

}  // namespace
}  // namespace capstan

int main(int argc, char** argv) { return capstan::main_of(argc, argv); }
