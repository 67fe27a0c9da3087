// Where everything lies in a hub's folder.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace capstan {

/// Name of the hub's own key file and, in it, of the hub.
inline constexpr std::string_view kHubName = "hub";
/// The identity that `init` makes for the person who runs the hub.
inline constexpr std::string_view kOperatorName = "operator";

struct Layout {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path config_file() const { return directory / "capstan.toml"; }
  [[nodiscard]] std::filesystem::path keys() const { return directory / "keys"; }
  [[nodiscard]] std::filesystem::path hub_key() const { return agent_key(kHubName); }
  [[nodiscard]] std::filesystem::path hub_public_key() const { return keys() / "hub.pub"; }
  [[nodiscard]] std::filesystem::path operator_key() const { return agent_key(kOperatorName); }
  /// `name` must have passed check_agent_name().
  [[nodiscard]] std::filesystem::path agent_key(std::string_view name) const {
    return keys() / (std::string(name) + ".key");
  }
  [[nodiscard]] std::filesystem::path admissions() const { return directory / "agents"; }
  [[nodiscard]] std::filesystem::path data() const { return directory / "data"; }
  [[nodiscard]] std::filesystem::path run() const { return directory / "run"; }
  /// Where the running hub really listens: one line.
  [[nodiscard]] std::filesystem::path endpoint() const { return run() / "endpoint"; }
};

/// The hub's folder where none is named: $CAPSTAN_DIR, else the current one.
[[nodiscard]] inline std::string default_directory() {
  const char* from_environment = std::getenv("CAPSTAN_DIR");
  const bool named = from_environment != nullptr && *from_environment != '\0';
  return named ? from_environment : ".";
}

}  // namespace capstan
