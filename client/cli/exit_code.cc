#include "exit_code.h"

#include <iostream>

#include "params_json.h"

namespace capstan::cli {

namespace {

bool reports_json = false;

}  // namespace

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

void report_as_json() { reports_json = true; }

int report(const Error& error, const std::string& where) {
  if (reports_json) {
    nlohmann::json line{{"code", error_name(error.code)}, {"error", error.text()}};
    if (!where.empty()) line["where"] = where;
    std::cerr << json_line(line);
  } else {
    std::cerr << "capstan: " << (where.empty() ? "" : where + ": ") << error.text() << '\n';
  }
  return exit_code(error);
}

void warn(const std::string& text) {
  if (reports_json) {
    std::cerr << json_line({{"warning", text}});
  } else {
    std::cerr << "capstan: " << text << '\n';
  }
}

}  // namespace capstan::cli
