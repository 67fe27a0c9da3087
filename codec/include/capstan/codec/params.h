// The msgpack maps inside requests and responses: flat maps of text keys. PROTOCOL.md §7.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/base/result.h"

namespace capstan {

class ParamMap;

using ParamValue = std::variant<std::uint64_t, bool, std::string, ByteBuffer,
                                std::vector<std::string>, std::vector<ParamMap>>;

/// An ordered map of named values, built by one side and read by the other.
class ParamMap {
 public:
  ParamMap& set(std::string key, ParamValue value);

  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<ByteBuffer> bytes(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string>* texts(std::string_view key) const;
  [[nodiscard]] const std::vector<ParamMap>* maps(std::string_view key) const;
  [[nodiscard]] const std::map<std::string, ParamValue, std::less<>>& values() const {
    return values_;
  }

  bool operator==(const ParamMap&) const;

 private:
  std::map<std::string, ParamValue, std::less<>> values_;
};

[[nodiscard]] ByteBuffer encode_params(const ParamMap& params);

/// Errors: kMalformedFrame.
[[nodiscard]] Result<ParamMap> decode_params(Bytes bytes);

}  // namespace capstan
