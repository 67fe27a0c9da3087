#include "admitted_key.h"

namespace capstan {

AdmittedKey to_admitted_key(const Admission& admission) {
  return {admission.name, admission.key.bytes, admission.names,
          admission.role == Role::kAdmin ? AgentRole::kAdmin : AgentRole::kAgent};
}

std::vector<AdmittedKey> to_admitted_keys(const CredentialSnapshot& credentials) {
  std::vector<AdmittedKey> keys;
  for (const Admission& admission : credentials.admissions()) {
    keys.push_back(to_admitted_key(admission));
  }
  return keys;
}

}  // namespace capstan
