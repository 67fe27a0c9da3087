#include "operator_request.h"

namespace capstan::cli {

namespace {

constexpr int kRequestTimeoutMs = 10'000;

}  // namespace

Result<ParamMap> ask(HubClient& client, std::string operation, const ParamMap& params) {
  return client.request(std::move(operation), params, kRequestTimeoutMs);
}

}  // namespace capstan::cli
