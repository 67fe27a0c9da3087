// Who may enter, and as whom: the allow-list, one file per admitted key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/result.h"
#include "capstan/security/key.h"

namespace capstan {

inline constexpr std::size_t kAgentNameLengthMax = 64;
inline constexpr std::size_t kAdmissionNamesMax = 1024;
/// What a retirement adds to a file name; no agent name ends so.
inline constexpr std::string_view kRetiredSuffix = ".removed";

enum class Role { kAgent, kAdmin };

/// An admitted key.
///
/// Shape: agents/NAME, TOML text with the keys public, names and role, and durability where it is
///        not the hub's default; NAME is `name`.
struct Admission {
  std::string name;  ///< The file's name; an agent name.
  PublicKey key;
  std::vector<std::string> names;  ///< 1..kAdmissionNamesMax agent names or globs over them.
  Role role = Role::kAgent;
  std::string
      durability{};  ///< Of agents made for it: "synced", "written", "memory"; empty: not said.

  bool operator==(const Admission&) const = default;
};

/// Shape:  1..64 of a-z A-Z 0-9 . _ -, not beginning with '.' or '-', not ending in ".removed".
/// Errors: kInvalidArgument.
[[nodiscard]] Status check_agent_name(std::string_view name);

/// Shape:  an agent name in which '*' stands for any characters and '?' for one.
/// Errors: kInvalidArgument.
[[nodiscard]] Status check_name_glob(std::string_view glob);

/// Errors: kInvalidArgument: a name, a glob, or how many there are.
[[nodiscard]] Status check_admission(const Admission& admission);

/// Whether the glob covers the whole name. Takes at most glob × name steps, whatever they are.
[[nodiscard]] bool name_matches(std::string_view glob, std::string_view name);

/// Whether this key may act under `name`; never for what is no agent name.
[[nodiscard]] bool may_use(const Admission& admission, std::string_view name);

/// Writes or replaces DIRECTORY/NAME, atomically and durably, mode 0644.
///
/// Errors: kInvalidArgument; kIo.
[[nodiscard]] Status write_admission(const std::filesystem::path& directory,
                                     const Admission& admission);

/// Every admission in the folder, sorted by name. Names with a leading dot and retired ones are
/// left out. One bad file refuses all, since whoever is missing would be shut out in silence.
///
/// Errors: kNotFound: no such folder; kInsecureFile: others can write the folder or a file (when
///         that is all); kBadConfig; each with one line per problem.
[[nodiscard]] Result<std::vector<Admission>> load_admissions(
    const std::filesystem::path& directory);

/// One line per pair of admissions with the same key or the same name; empty when all differ.
[[nodiscard]] std::vector<std::string> find_duplicates(const std::vector<Admission>& admissions);

/// Closes the door for a key: the agents it served stay known to the hub.
///
/// Errors: kInvalidArgument; kNotFound; kIo.
[[nodiscard]] Status remove_admission(const std::filesystem::path& directory,
                                      std::string_view name);

/// Closes the door for the key DIRECTORY/KEY in one step with leaving DIRECTORY/AGENT.removed: the
/// note that lets the next start retire the agent.
///
/// Errors: kInvalidArgument; kNotFound; kIo.
[[nodiscard]] Status retire_admission(const std::filesystem::path& directory, std::string_view key,
                                      std::string_view agent);

/// Writes the note DIRECTORY/NAME.removed: the agent `retired.name` of this key is to be retired.
///
/// Errors: kInvalidArgument; kIo.
[[nodiscard]] Status note_retired(const std::filesystem::path& directory, const Admission& retired);

/// The notes for this start, sorted by name: each the agent's name, and the key that it was of.
/// Errors: kNotFound; kIo; kBadConfig: with one line per problem.
[[nodiscard]] Result<std::vector<Admission>> load_retired(const std::filesystem::path& directory);

/// The retirement of `name` is in the journal: its file has done its work.
///
/// Errors: kInvalidArgument; kNotFound; kIo.
[[nodiscard]] Status forget_retired(const std::filesystem::path& directory, std::string_view name);

}  // namespace capstan
