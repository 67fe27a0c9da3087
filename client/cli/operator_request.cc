#include "operator_request.h"

#include "exit_code.h"

namespace capstan::cli {

namespace {

constexpr int kRequestTimeoutMs = 10'000;

}  // namespace

Result<ParamMap> ask(HubClient& client, std::string operation, const ParamMap& params) {
  return client.request(std::move(operation), params, kRequestTimeoutMs);
}

int report_operation(const Error& error) {
  const int code = report(error);
  return error.code == ErrorCode::kNotFound ? kExitFailed : code;
}

}  // namespace capstan::cli
