#include "crowd.h"

#include <algorithm>

#include "capstan/codec/limits.h"
#include "capstan/security/admission.h"

namespace capstan::bench {

static_assert(kCrowdPerKey <= kAdmissionNamesMax && kCrowdPerKey <= kSessionsPerConnectionMax);

std::string crowd_agent(std::uint64_t index) {
  constexpr std::size_t kDigits = 5;
  const std::string digits = std::to_string(index);
  return "crowd-" + std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
}

std::string crowd_key(std::uint64_t index, std::uint64_t per_key) {
  return "crowd-key-" + std::to_string(index / per_key);
}

std::vector<KeyOfAgents> crowd_keys(std::uint64_t agents, std::uint64_t per_key) {
  std::vector<KeyOfAgents> keys;
  for (std::uint64_t index = 0; index < agents; ++index) {
    if (index % per_key == 0) keys.push_back({crowd_key(index, per_key), {}});
    keys.back().agents.push_back(crowd_agent(index));
  }
  return keys;
}

std::uint64_t crowd_share(std::uint64_t envelopes, std::uint64_t agents, std::uint64_t index) {
  return envelopes / agents + (index < envelopes % agents ? 1 : 0);
}

}  // namespace capstan::bench
