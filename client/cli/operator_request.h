// What the commands of operators share.
#pragma once

#include "capstan/client/hub_client.h"

namespace capstan::cli {

/// Errors: the hub's refusal; kTimeout; kOutcomeUnknown.
[[nodiscard]] Result<ParamMap> ask(HubClient& client, std::string operation,
                                   const ParamMap& params);

/// As report(), but what is not found is a failure (1), and no refusal of the caller (77).
int report_operation(const Error& error);

}  // namespace capstan::cli
