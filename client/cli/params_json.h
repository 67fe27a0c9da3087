// Answers of the hub as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "capstan/codec/params.h"

namespace capstan::cli {

/// Ids and other bins become lower-case hex.
[[nodiscard]] nlohmann::json to_json(const ParamMap& params);
[[nodiscard]] nlohmann::json to_json(const std::vector<ParamMap>& rows);

/// An agent with its passport, résumé and rule as what they say, not as octets.
[[nodiscard]] nlohmann::json agent_json(const ParamMap& agent);

/// Indented, or in one line, with a line break behind it. Texts come from anybody, and so do names
/// of folders: what is no UTF-8 is replaced.
[[nodiscard]] std::string json_text(const nlohmann::json& json);
[[nodiscard]] std::string json_line(const nlohmann::json& json);

}  // namespace capstan::cli
