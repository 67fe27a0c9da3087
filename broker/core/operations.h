// The operations that requests name. PROTOCOL.md §7.
#pragma once

#include <string>
#include <vector>

namespace capstan {

/// In alphabetical order, for the manifest in `welcome`.
[[nodiscard]] std::vector<std::string> operation_names();

}  // namespace capstan
