#include "params_json.h"

namespace capstan::cli {

namespace {

struct ValueToJson {
  nlohmann::json operator()(const ByteBuffer& bytes) const { return to_hex(bytes); }
  nlohmann::json operator()(const std::vector<ParamMap>& rows) const { return to_json(rows); }
  template <typename Value>
  nlohmann::json operator()(const Value& value) const {
    return value;
  }
};

}  // namespace

nlohmann::json to_json(const ParamMap& params) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [key, value] : params.values()) out[key] = std::visit(ValueToJson{}, value);
  return out;
}

nlohmann::json to_json(const std::vector<ParamMap>& rows) {
  nlohmann::json out = nlohmann::json::array();
  for (const ParamMap& row : rows) out.push_back(to_json(row));
  return out;
}

nlohmann::json agent_json(const ParamMap& agent) {
  nlohmann::json out = to_json(agent);
  for (const char* part : {"passport", "resume", "rule"}) {
    const auto document = agent.bytes(part);
    if (!document) continue;
    // What is no JSON (a bin, say) stays in hex.
    auto parsed = nlohmann::json::from_msgpack(*document, true, false);
    if (document->empty()) {
      out[part] = nullptr;
    } else if (!parsed.is_discarded()) {
      out[part] = std::move(parsed);
    }
  }
  return out;
}

std::string json_text(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::string json_line(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace capstan::cli
