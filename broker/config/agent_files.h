// What `agent add` puts into a hub's folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/result.h"
#include "capstan/security/admission.h"
#include "capstan/security/layout.h"

namespace capstan {

enum class AdmissionFile {
  kWrite,       ///< No hub is running: agents/NAME is written here.
  kLeaveToHub,  ///< A running hub will be told, and writes it itself.
};

struct AddedAgent {
  Admission admission;
  bool key_is_new = true;  ///< Otherwise an earlier attempt has left it.
};

/// Makes keys/NAME.key and the admission that goes with it. A key that is there and not admitted is
/// taken up: the hub may know the agent under it already, from an attempt whose end nobody heard.
///
/// Shape:  `globs` are the names that the key may use; empty means `name` alone. `durability` as in
///         Admission.
/// Errors: kInvalidArgument: the name or a glob; kAlreadyExists: the admission, or a key file that
///         is another one's; both are then as they were. kBadConfig, kInsecureFile: the key file or
///         agents/. kIo: the key stays, for the next attempt.
[[nodiscard]] Result<AddedAgent> add_agent(const Layout& layout, std::string_view name,
                                           std::vector<std::string> globs, std::string durability,
                                           AdmissionFile file);

}  // namespace capstan
