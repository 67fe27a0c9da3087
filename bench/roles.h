// What this program does when it starts itself as a child.
#pragma once

#include <string>

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// Errors: kNotFound for a role that nobody knows; else the role's own.
Status run_role(const std::string& role, const RunSpec& spec);

}  // namespace capstan::bench
