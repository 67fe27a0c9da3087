// Names of everything in the data directory, and the few operations on whole directories.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/ids.h"
#include "capstan/base/result.h"
#include "env.h"

namespace capstan {

/// Source: FORMAT.md §1.
struct DataPaths {
  std::string root;  ///< `DIR/data`

  [[nodiscard]] std::string lock() const { return root + "/LOCK"; }
  [[nodiscard]] std::string holder() const { return root + "/holder"; }
  [[nodiscard]] std::string witness() const { return root + "/witness"; }
  [[nodiscard]] std::string ballast() const { return root + "/ballast"; }
  [[nodiscard]] std::string state() const { return root + "/state"; }
  [[nodiscard]] std::string journal() const { return root + "/journal"; }
  [[nodiscard]] std::string cold() const { return root + "/cold"; }
  [[nodiscard]] std::string segment(Sequence first) const;
};

// What stands behind a segment's name while the segment is being replaced or destroyed.
inline constexpr std::string_view kDroppingSuffix = ".dropping";
inline constexpr std::string_view kSalvageSuffix = ".salvage";
inline constexpr std::string_view kRebuiltSuffix = ".rebuilt";
/// A number follows it.
inline constexpr std::string_view kQuarantinedSuffix = ".quarantined-";

/// The twenty digits that name a segment's directory; empty for any other name.
[[nodiscard]] std::optional<Sequence> parse_segment_name(std::string_view name);

/// Names in a directory without `.` and `..`, sorted; none when it is missing.
/// Errors: kIo: it is there and cannot be read, which is not the same as empty.
[[nodiscard]] Result<std::vector<std::string>> list_directory(JournalEnv& env,
                                                              const std::string& path);

/// Creates `path` unless it is there, and makes its name durable in any case: a process may have
/// ended between the two. Around one that is there, a directory that cannot be synced at all is no
/// error: of a new one that stands in such a directory nothing is left.
[[nodiscard]] Status make_directory(JournalEnv& env, const std::string& path);

/// Makes the names in the directory around `path` durable.
[[nodiscard]] Status sync_name(JournalEnv& env, const std::string& path);

/// Whether the disk takes a write as large as those that opening a database needs. Errors: kIo.
[[nodiscard]] Status try_disk(JournalEnv& env, const std::string& directory);

/// Sum of the sizes of the files directly in `path`, as far as it can be told.
[[nodiscard]] std::uint64_t directory_bytes(JournalEnv& env, const std::string& path);

/// Whether a database in `directory` may hold something: what is durable is in a log, or in a table
/// that was made from one. So does one that cannot be read.
[[nodiscard]] bool holds_data(JournalEnv& env, const std::string& directory);

/// Removes a directory and all below it; one that is missing is fine.
[[nodiscard]] Status remove_tree(JournalEnv& env, const std::string& path);

/// Copies the files of a database directory except its lock; the copy is synced.
[[nodiscard]] Status copy_directory(JournalEnv& env, const std::string& from,
                                    const std::string& to);

/// Renames a directory and makes the new name durable.
[[nodiscard]] Status move_directory(JournalEnv& env, const std::string& from,
                                    const std::string& to);

/// Moves a damaged directory out of the way, never over another one; the path it has now.
[[nodiscard]] Result<std::string> quarantine(JournalEnv& env, const std::string& path);

}  // namespace capstan
