#include "exit_code.h"

#include <iostream>

namespace capstan::cli {

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kHubStopping:
      return kExitNoHub;
    case ErrorCode::kAccessDenied:
    case ErrorCode::kRefusedHandshake:
    case ErrorCode::kSuperseded:
    case ErrorCode::kInboxFull:
    case ErrorCode::kDiskFull:
    case ErrorCode::kNotDelivered:
      return kExitRefused;
    case ErrorCode::kBadConfig:
      return kExitConfig;
    default:
      return kExitFailed;
  }
}

int report(const Error& error) {
  std::cerr << "capstan: " << error.text() << '\n';
  return exit_code(error);
}

}  // namespace capstan::cli
