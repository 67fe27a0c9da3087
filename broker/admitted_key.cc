#include "admitted_key.h"

namespace capstan {

AdmittedKey to_admitted_key(const Admission& admission) {
  return {admission.name, admission.key.bytes, admission.names,
          admission.role == Role::kAdmin ? AgentRole::kAdmin : AgentRole::kAgent,
          durability_of_text(admission.durability)};
}

std::vector<NameWithdrawn> to_withdrawn(const std::vector<Admission>& retired) {
  std::vector<NameWithdrawn> withdrawn;
  for (const Admission& admission : retired) {
    NameWithdrawn& name = withdrawn.emplace_back();
    name.name = admission.name;
    name.key = admission.key.bytes;
  }
  return withdrawn;
}

std::vector<AdmittedKey> to_admitted_keys(const CredentialSnapshot& credentials) {
  std::vector<AdmittedKey> keys;
  for (const Admission& admission : credentials.admissions()) {
    keys.push_back(to_admitted_key(admission));
  }
  return keys;
}

}  // namespace capstan
