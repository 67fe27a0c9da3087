// Many agents, and what each of them is sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace capstan::bench {

/// A key serves so many agents of a crowd, where they share connections: fewer than an admission
/// has names or a connection has sessions (kAdmissionNamesMax, kSessionsPerConnectionMax).
inline constexpr std::uint64_t kCrowdPerKey = 1000;

/// A key, and the agents that may use it.
struct KeyOfAgents {
  std::string name;  ///< Of the key file and the admission.
  std::vector<std::string> agents;
};

/// "crowd-00042"
[[nodiscard]] std::string crowd_agent(std::uint64_t index);

/// The name of the key that serves this agent.
[[nodiscard]] std::string crowd_key(std::uint64_t index, std::uint64_t per_key = kCrowdPerKey);

/// The keys of the agents 0 … `agents` − 1.
[[nodiscard]] std::vector<KeyOfAgents> crowd_keys(std::uint64_t agents,
                                                  std::uint64_t per_key = kCrowdPerKey);

/// Envelope i goes to agent i mod `agents`: so many of `envelopes` go to agent `index`.
[[nodiscard]] std::uint64_t crowd_share(std::uint64_t envelopes, std::uint64_t agents,
                                        std::uint64_t index);

}  // namespace capstan::bench
