#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "config/run_folder.h"
#include "connect.h"
#include "exit_code.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

/// A hub that only starts is not waited for.
Result<ParamMap> ask_at_once(const CommonOptions& common) {
  const Layout layout{common.directory};
  if (common.endpoint.empty() && hub_is_running(layout)) {
    if (const auto listening = read_endpoint(layout); !listening) return listening.error();
  }
  const auto began = std::chrono::steady_clock::now();
  auto client = connect_operator(common);
  if (!client) return client.error();
  const auto took = std::chrono::steady_clock::now() - began;
  const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  return (*client)->request("status", ParamMap(),
                            std::max(common.connect_timeout_ms - static_cast<int>(took_ms), 1));
}

const char* headline(const ParamMap& status) {
  if (status.flag("ready").value_or(false)) return "ready";
  return status.text("disk_state") == "full" ? "not ready: the disk is full, and sends are refused"
                                             : "not ready: the hub is stopping";
}

/// Who keeps how much of the disk from being given back.
void print_pins(const std::vector<ParamMap>& pins) {
  for (const ParamMap& pin : pins) {
    const std::string what = pin.flag("dead_letters").value_or(false) ? "dead letters" : "mail";
    const std::uint64_t mebibytes = pin.number("bytes").value_or(0) >> 20;
    print_field(std::cout, "pinned",
                std::to_string(mebibytes) + " MiB by " + what + " of " +
                    printable(pin.text("agent").value_or("")) + ", from sequence " +
                    std::to_string(pin.number("oldest_sequence").value_or(0)) + " on");
  }
}

}  // namespace

int run_status(const CommonOptions& common) {
  const auto answer = ask_at_once(common);
  if (!answer) {
    if (common.json) {
      std::cout << json_text({{"ready", false}, {"error", answer.error().text()}});
    }
    return report(answer.error());
  }
  const nlohmann::json status = to_json(*answer);
  const bool ready = answer->flag("ready").value_or(false);
  if (common.json) {
    std::cout << json_text(status);
  } else {
    std::cout << headline(*answer) << '\n';
    for (const auto& [key, value] : status.items()) {
      if (key == "ready" || key == "pinned") continue;
      std::cout << "  " << std::left << std::setw(20) << key
                << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    }
    if (const auto* pins = answer->maps("pinned")) print_pins(*pins);
  }
  return ready ? kExitDone : kExitNoHub;
}

}  // namespace capstan::cli
