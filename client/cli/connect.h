// From the command line's options to a ready connection.
#pragma once

#include <memory>
#include <string>

#include "capstan/base/result.h"
#include "capstan/client/hub_client.h"
#include "options.h"

namespace capstan::cli {

/// Connects with the key of `name` (or --key) and waits until the hub has answered; also for one
/// that still has to start.
/// Errors: kUnavailable: no hub within --connect-timeout; kRefusedHandshake; kNotFound, kIo,
///         kInsecureFile: of the key; kBadConfig.
[[nodiscard]] Result<std::unique_ptr<HubClient>> connect(const CommonOptions& common,
                                                         const std::string& name);

/// As connect(), for operators: fails at once when this folder's hub neither runs nor starts.
[[nodiscard]] Result<std::unique_ptr<HubClient>> connect_operator(const CommonOptions& common);

}  // namespace capstan::cli
