// Replaces a damaged segment by one that holds all of its blocks whose checksums prove them, and a
// gap row for every range that is lost. The original is kept aside, untouched.
#pragma once

#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "files.h"
#include "segment.h"

namespace capstan {

/// Works on a copy until the replacement is complete and durable; a crash at any point loses
/// nothing.
///
/// `last`: where the segment ought to end; empty for the newest, where nobody knows more than that
/// the journal went on up to `known_last` at least.
/// The path of the original. Errors: kIo. kUnsupportedVersion: a block is sound, but newer than us.
[[nodiscard]] Result<std::string> salvage_segment(const DatabaseContext& context,
                                                  const DataPaths& paths, Sequence first,
                                                  std::optional<Sequence> last,
                                                  Sequence known_last = {});

/// Finishes or undoes what a crash interrupted: replacements, working copies, destructions.
[[nodiscard]] Status finish_interrupted(JournalEnv& env, const DataPaths& paths);

}  // namespace capstan
