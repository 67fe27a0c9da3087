#include "connect.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "config/config.h"
#include "config/run_folder.h"

namespace capstan::cli {

namespace {

/// A hub that listens on every address is reached on this machine through loopback.
std::string reachable(std::string endpoint) {
  for (const std::string_view any : {"tcp://*:", "tcp://0.0.0.0:"}) {
    if (endpoint.starts_with(any)) return "tcp://127.0.0.1:" + endpoint.substr(any.size());
  }
  return endpoint;
}

using SteadyClock = std::chrono::steady_clock;

constexpr auto kLookInterval = std::chrono::milliseconds(10);

/// Where the hub listens. A hub that starts says so after it has read its journal: that is waited
/// for, until `until`.
/// Errors: kUnavailable; kIo: the folder cannot be read.
Result<std::string> find_endpoint(const CommonOptions& common, const Layout& layout,
                                  SteadyClock::time_point until) {
  if (!common.endpoint.empty()) return common.endpoint;
  std::error_code ignored;
  while (true) {
    auto endpoint = read_endpoint(layout);
    // What `capstan init` has not made is no hub's folder, and nobody will listen there.
    if (endpoint || endpoint.error().code == ErrorCode::kIo || SteadyClock::now() >= until ||
        !std::filesystem::exists(layout.run(), ignored)) {
      return endpoint;
    }
    std::this_thread::sleep_for(kLookInterval);
  }
}

int milliseconds_until(SteadyClock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
  return std::max(0, static_cast<int>(left.count()));
}

Result<KeyFile> load_key(const CommonOptions& common, const Layout& layout,
                         const std::string& name) {
  if (!common.key_file.empty()) return load_key_file(common.key_file);
  auto key = load_key_file(layout.agent_key(name));
  if (key || key.error().code != ErrorCode::kNotFound) return key;
  return {ErrorCode::kNotFound, key.error().context + "; `capstan agent add " + name +
                                    "` makes it, or name another one with --key"};
}

/// CURVE is on unless the folder's own configuration says otherwise.
Result<bool> uses_curve(const Layout& layout) {
  std::error_code ignored;
  if (!std::filesystem::exists(layout.config_file(), ignored)) return true;
  const auto config = load_config(layout.config_file());
  if (!config) return config.error();
  return config->security.curve;
}

}  // namespace

Result<std::unique_ptr<HubClient>> connect(const CommonOptions& common, const std::string& name) {
  const Layout layout{common.directory};
  const auto until = SteadyClock::now() + std::chrono::milliseconds(common.connect_timeout_ms);
  const auto endpoint = find_endpoint(common, layout, until);
  if (!endpoint) return endpoint.error();
  HubClientOptions options;
  options.client = "capstan";
  options.endpoint = reachable(*endpoint);
  const auto curve = uses_curve(layout);
  if (!curve) return curve.error();
  if (*curve) {
    auto key = load_key(common, layout, name);
    if (!key) return key.error();
    options.keys = KeyPair{key->public_key, std::move(key->secret_key)};
    const auto hub_key = load_public_key_file(layout.hub_public_key());
    if (!hub_key) return hub_key.error();
    options.hub_key = *hub_key;
  }
  options.connect_timeout_ms = milliseconds_until(until);
  auto client = HubClient::open(std::move(options));
  if (!client) return client.error();
  if (Status ready = (*client)->wait_ready(); !ready) return ready.error();
  return client;
}

Result<std::unique_ptr<HubClient>> connect_operator(const CommonOptions& common) {
  const Layout layout{common.directory};
  if (common.endpoint.empty() && !hub_is_running(layout)) {
    return {ErrorCode::kUnavailable, "no hub runs on the folder " + common.directory +
                                         "; start one with `capstand --dir " + common.directory +
                                         "`"};
  }
  return connect(common, std::string(kOperatorName));
}

}  // namespace capstan::cli
