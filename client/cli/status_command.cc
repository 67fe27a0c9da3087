#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "params_json.h"

namespace capstan::cli {

namespace {

constexpr int kRequestTimeoutMs = 5'000;

}  // namespace

int run_status(const CommonOptions& common) {
  auto client = connect_operator(common);
  auto answer = client ? (*client)->request("status", ParamMap(), kRequestTimeoutMs)
                       : Result<ParamMap>(client.error());
  if (!answer) {
    if (common.json) {
      std::cout << nlohmann::json{{"ready", false}, {"error", answer.error().text()}}.dump(2)
                << '\n';
    }
    return report(answer.error());
  }
  const nlohmann::json status = to_json(*answer);
  const bool ready = answer->flag("ready").value_or(false);
  if (common.json) {
    std::cout << status.dump(2) << '\n';
  } else {
    std::cout << (ready ? "ready\n" : "not ready: the hub is stopping\n");
    for (const auto& [key, value] : status.items()) {
      if (key == "ready") continue;
      std::cout << "  " << std::left << std::setw(20) << key
                << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    }
  }
  return ready ? kExitDone : kExitNoHub;
}

}  // namespace capstan::cli
