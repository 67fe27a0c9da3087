// Replaces a damaged segment by one that holds all of its blocks whose checksums prove them, and a
// gap row for every range that is lost. The original is kept aside, untouched.
#pragma once

#include <functional>
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

/// The key that a value belongs under; empty: nothing in it can be believed. Errors:
/// kUnsupportedVersion.
using KeyOf = std::function<Result<std::optional<std::string>>(Bytes value)>;
/// Writes to `target` what can be had from `copy`, a directory that it may work on.
using Refill = std::function<Status(const std::string& copy, Segment& target)>;

/// The same for any database: `refill` makes the replacement. Of one that fails nothing is left,
/// or all of it, for finish_interrupted(). Errors: kIo. kUnsupportedVersion.
[[nodiscard]] Result<std::string> replace_database(const DatabaseContext& context,
                                                   const std::string& original,
                                                   const Refill& refill);

/// Whether the disk has room for all that a replacement needs meanwhile, and for the reserve beside
/// it. Asked in a running hub: with a full disk it would end, read the same again, and end again.
/// Errors: kIo: no.
[[nodiscard]] Status check_room(const DatabaseContext& context, const std::string& original);

/// Repairs `copy` and writes each of its values that proves itself to `target`. Errors: kIo.
[[nodiscard]] Status take_sound_entries(const DatabaseContext& context, const std::string& copy,
                                        Segment& target, const KeyOf& key_of);

/// Finishes or undoes what a crash or an error interrupted directly below `directory`:
/// replacements, working copies, destructions.
[[nodiscard]] Status finish_interrupted(JournalEnv& env, const std::string& directory);

}  // namespace capstan
