#include "run_spec.h"

#include <algorithm>
#include <utility>

#include "capstan/base/clock.h"

namespace capstan::bench {

nlohmann::json RunSpec::to_json() const {
  return {{"dir", dir},
          {"journal", journal},
          {"curve", curve},
          {"durability", durability},
          {"payload_bytes", payload_bytes},
          {"batch_bytes", batch_bytes},
          {"window", window},
          {"seconds", seconds},
          {"rate", rate},
          {"endpoint", endpoint},
          {"hub_public_key", hub_public_key},
          {"to", to},
          {"first_agent", first_agent},
          {"agents", agents},
          {"envelopes", envelopes}};
}

RunSpec RunSpec::from_json(const nlohmann::json& json) {
  RunSpec spec;
  spec.dir = json.at("dir");
  spec.journal = json.at("journal");
  spec.curve = json.at("curve");
  spec.durability = json.at("durability");
  spec.payload_bytes = json.at("payload_bytes");
  spec.batch_bytes = json.at("batch_bytes");
  spec.window = json.at("window");
  spec.seconds = json.at("seconds");
  spec.rate = json.at("rate");
  spec.endpoint = json.at("endpoint");
  spec.hub_public_key = json.at("hub_public_key");
  spec.to = json.at("to");
  spec.first_agent = json.at("first_agent");
  spec.agents = json.at("agents");
  spec.envelopes = json.at("envelopes");
  return spec;
}

Result<RunResult> RunResult::from_ends(const nlohmann::json& sent, const nlohmann::json& heard) {
  if (sent.at("envelopes") != heard.at("envelopes"))
    return Error{ErrorCode::kDamaged, "the receiver has not heard all that was accepted"};
  auto accept = LatencyHistogram::from_json(sent.at("accept"));
  if (!accept) return accept.error();
  auto delivery = LatencyHistogram::from_json(heard.at("delivery"));
  if (!delivery) return delivery.error();

  RunResult result;
  result.envelopes = sent.at("envelopes");
  result.accept = std::move(accept).value();
  result.delivery = std::move(delivery).value();
  const auto start_ns = sent.at("start_ns").get<std::uint64_t>();
  const auto accepted_ns = sent.at("end_ns").get<std::uint64_t>();
  const auto heard_ns = heard.at("end_ns").get<std::uint64_t>();
  const auto elapsed_ns = static_cast<double>(std::max(accepted_ns, heard_ns) - start_ns);
  result.envelopes_per_second = static_cast<double>(result.envelopes) * kNsPerSecond / elapsed_ns;
  return result;
}

std::uint64_t now_ns() { return SystemClock().now().monotonic_ns; }

}  // namespace capstan::bench
