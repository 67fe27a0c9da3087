// Takes a name out of the allow-list: what `agent remove` does under agents/.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/result.h"
#include "capstan/security/admission.h"

namespace capstan {

/// What became of the keys that had the name. All of it empty: none had it.
struct Withdrawal {
  PublicKey key;                       ///< Of the first that had it literally.
  std::vector<std::string> withdrawn;  ///< Keys without another name: their files are gone.
  std::vector<std::string> narrowed;   ///< Keys that keep other names.
  std::vector<std::string> covering;   ///< Keys with a glob that covers the name still.
};

/// A note that a start has not taken up yet.
enum class EarlierNote {
  kKeep,     ///< No hub is running: the journal knows the agent of the earlier note alone.
  kReplace,  ///< The running hub retires whoever has the name now.
};

/// Takes the literal `name` from every admission, and leaves DIRECTORY/NAME.removed when one had
/// it. After a crash in between, the name may be gone without a note: repeating it finishes the
/// work at a running hub.
///
/// Errors: kInvalidArgument: no name, or an operator's; those of load_admissions(); kIo.
[[nodiscard]] Result<Withdrawal> withdraw_name(const std::filesystem::path& directory,
                                               std::string_view name, EarlierNote earlier);

}  // namespace capstan
