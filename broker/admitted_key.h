// An admission in the core's words.
#pragma once

#include <vector>

#include "capstan/core/event.h"
#include "capstan/security/credentials.h"

namespace capstan {

[[nodiscard]] AdmittedKey to_admitted_key(const Admission& admission);
[[nodiscard]] std::vector<AdmittedKey> to_admitted_keys(const CredentialSnapshot& credentials);

}  // namespace capstan
