#include "capstan/security/withdrawal.h"

#include <algorithm>
#include <utility>

#include "capstan/security/toml.h"

namespace capstan {
namespace {

namespace fs = std::filesystem;

bool has_note(const fs::path& directory, std::string_view name) {
  std::error_code ignored;
  return fs::exists(directory / (std::string(name) + std::string(kRetiredSuffix)), ignored);
}

Status check_removable(const std::vector<Admission>& keys, std::string_view name) {
  for (const Admission& key : keys) {
    if (key.role != Role::kAdmin) continue;
    return {ErrorCode::kInvalidArgument, in_quotes(name) + " is a name of the operator's key " +
                                             in_quotes(key.name) + ", which is not removed"};
  }
  return {};
}

/// Closes the door first: without its note the agent stays known, but nobody comes in as it.
Status withdraw_from(const fs::path& directory, Admission key, std::string_view name, bool note,
                     Withdrawal& done) {
  std::erase(key.names, name);
  if (key.names.empty()) {
    done.withdrawn.push_back(key.name);
    return note ? retire_admission(directory, key.name, name)
                : remove_admission(directory, key.name);
  }
  done.narrowed.push_back(key.name);
  if (Status written = write_admission(directory, key); !written || !note) return written;
  return note_retired(directory, {std::string(name), key.key, {std::string(name)}, key.role});
}

}  // namespace

Result<Withdrawal> withdraw_name(const fs::path& directory, std::string_view name,
                                 EarlierNote earlier) {
  if (Status good = check_agent_name(name); !good) return good.error();
  const auto admissions = load_admissions(directory);
  if (!admissions) return admissions.error();
  std::vector<Admission> having;
  Withdrawal done;
  for (const Admission& admission : *admissions) {
    const auto& names = admission.names;
    if (std::find(names.begin(), names.end(), name) != names.end()) having.push_back(admission);
    const bool covers = std::any_of(names.begin(), names.end(), [&](const std::string& glob) {
      return glob != name && name_matches(glob, name);
    });
    if (covers) done.covering.push_back(admission.name);
  }
  if (Status removable = check_removable(having, name); !removable) return removable.error();
  if (having.empty()) return done;
  done.key = having.front().key;
  // Of several keys the first one alone may be the agent's.
  bool note = earlier == EarlierNote::kReplace || !has_note(directory, name);
  for (Admission& key : having) {
    if (Status left = withdraw_from(directory, std::move(key), name, note, done); !left) {
      return left.error();
    }
    note = false;
  }
  return done;
}

}  // namespace capstan
