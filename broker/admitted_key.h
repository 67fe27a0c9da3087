// An admission in the core's words.
#pragma once

#include <vector>

#include "capstan/core/event.h"
#include "capstan/security/credentials.h"

namespace capstan {

[[nodiscard]] AdmittedKey to_admitted_key(const Admission& admission);
/// Agents that were removed while no hub was running.
[[nodiscard]] std::vector<NameWithdrawn> to_withdrawn(const std::vector<Admission>& retired);
[[nodiscard]] std::vector<AdmittedKey> to_admitted_keys(const CredentialSnapshot& credentials);

}  // namespace capstan
