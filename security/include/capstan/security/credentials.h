// The allow-list in memory: immutable, swapped whole.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "capstan/base/result.h"
#include "capstan/security/admission.h"
#include "capstan/security/key.h"

namespace capstan {

class CredentialSnapshot;
using SharedCredentials = std::shared_ptr<const CredentialSnapshot>;

/// All admissions at one moment. Immutable, so any thread may read it.
class CredentialSnapshot {
 public:
  /// Errors: kInvalidArgument: a bad admission; kAlreadyExists: two with one key or one name.
  [[nodiscard]] static Result<SharedCredentials> build(std::vector<Admission> admissions);

  /// A snapshot that admits nobody.
  [[nodiscard]] static SharedCredentials empty();

  /// Null when nobody is admitted under this key. Lives as long as this snapshot.
  [[nodiscard]] const Admission* find(const PublicKey& key) const;
  [[nodiscard]] const Admission* find(std::string_view name) const;

  /// This snapshot and one more. Errors: those of build().
  [[nodiscard]] Result<SharedCredentials> with(Admission admission) const;
  /// This snapshot without the admission of that name; the same again when there is none.
  [[nodiscard]] SharedCredentials without(std::string_view name) const;

  /// Sorted by name.
  [[nodiscard]] const std::vector<Admission>& admissions() const { return admissions_; }

 private:
  explicit CredentialSnapshot(std::vector<Admission> admissions);

  std::vector<Admission> admissions_;
  std::unordered_map<PublicKey, std::size_t> by_key_;  // Place in admissions_.
};

/// Where the threads meet: one replaces, the others take. Thread-safe.
class CredentialStore {
 public:
  CredentialStore() : current_(CredentialSnapshot::empty()) {}
  explicit CredentialStore(SharedCredentials first);
  CredentialStore(const CredentialStore&) = delete;
  CredentialStore& operator=(const CredentialStore&) = delete;

  /// Never null.
  [[nodiscard]] SharedCredentials current() const;
  void replace(SharedCredentials next);

 private:
  mutable std::mutex mutex_;
  SharedCredentials current_;
};

}  // namespace capstan
