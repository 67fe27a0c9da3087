// What the commands of operators share.
#pragma once

#include "capstan/client/hub_client.h"

namespace capstan::cli {

/// Errors: the hub's refusal; kTimeout; kOutcomeUnknown.
[[nodiscard]] Result<ParamMap> ask(HubClient& client, std::string operation,
                                   const ParamMap& params);

}  // namespace capstan::cli
