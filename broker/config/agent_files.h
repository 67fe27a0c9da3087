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

/// Makes keys/NAME.key and the admission that goes with it.
///
/// Shape:  `globs` are the names that the key may use; empty means `name` alone. `durability` as in
///         Admission.
/// Errors: kInvalidArgument: the name or a glob; kAlreadyExists: the key or the admission, which
///         are then as they were; kIo.
[[nodiscard]] Result<Admission> add_agent(const Layout& layout, std::string_view name,
                                          std::vector<std::string> globs, std::string durability,
                                          AdmissionFile file);

}  // namespace capstan
