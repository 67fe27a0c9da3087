#include "capstan/security/credentials.h"

#include <algorithm>
#include <utility>

#include "capstan/base/check.h"

namespace capstan {

CredentialSnapshot::CredentialSnapshot(std::vector<Admission> admissions)
    : admissions_(std::move(admissions)) {
  std::sort(admissions_.begin(), admissions_.end(),
            [](const Admission& a, const Admission& b) { return a.name < b.name; });
  by_key_.reserve(admissions_.size());
  for (std::size_t i = 0; i < admissions_.size(); ++i) by_key_.emplace(admissions_[i].key, i);
}

Result<SharedCredentials> CredentialSnapshot::build(std::vector<Admission> admissions) {
  for (const Admission& admission : admissions) {
    if (Status good = check_admission(admission); !good) return good.error();
  }
  if (const auto duplicates = find_duplicates(admissions); !duplicates.empty()) {
    return {ErrorCode::kAlreadyExists, duplicates.front()};
  }
  return SharedCredentials(new CredentialSnapshot(std::move(admissions)));
}

SharedCredentials CredentialSnapshot::empty() {
  return SharedCredentials(new CredentialSnapshot({}));
}

const Admission* CredentialSnapshot::find(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &admissions_[found->second];
}

const Admission* CredentialSnapshot::find(std::string_view name) const {
  const auto found = std::lower_bound(
      admissions_.begin(), admissions_.end(), name,
      [](const Admission& admission, std::string_view text) { return admission.name < text; });
  return found == admissions_.end() || found->name != name ? nullptr : &*found;
}

Result<SharedCredentials> CredentialSnapshot::with(Admission admission) const {
  std::vector<Admission> more = admissions_;
  more.push_back(std::move(admission));
  return build(std::move(more));
}

SharedCredentials CredentialSnapshot::without(std::string_view name) const {
  std::vector<Admission> fewer = admissions_;
  std::erase_if(fewer, [&](const Admission& admission) { return admission.name == name; });
  return SharedCredentials(new CredentialSnapshot(std::move(fewer)));
}

CredentialStore::CredentialStore(SharedCredentials first) { replace(std::move(first)); }

SharedCredentials CredentialStore::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void CredentialStore::replace(SharedCredentials next) {
  CAPSTAN_CHECK(next != nullptr);
  // The old snapshot is freed after the lock is gone: it may be large.
  const std::lock_guard lock(mutex_);
  current_.swap(next);
}

}  // namespace capstan
