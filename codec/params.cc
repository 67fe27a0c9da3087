#include "capstan/codec/params.h"

#include "buffer_packer.h"
#include "capstan/codec/envelope.h"
#include "msgpack_parse.h"

namespace capstan {

namespace {

template <typename T>
std::optional<T> find(const std::map<std::string, ParamValue, std::less<>>& values,
                      std::string_view key) {
  const auto at = values.find(key);
  if (at == values.end()) return std::nullopt;
  const T* value = std::get_if<T>(&at->second);
  if (value == nullptr) return std::nullopt;
  return *value;
}

template <typename T>
const T* find_pointer(const std::map<std::string, ParamValue, std::less<>>& values,
                      std::string_view key) {
  const auto at = values.find(key);
  return at == values.end() ? nullptr : std::get_if<T>(&at->second);
}

void pack_map(Packer& packer, const ParamMap& params);

struct PackValue {
  Packer& packer;
  void operator()(std::uint64_t value) { packer.pack_uint64(value); }
  void operator()(bool value) { value ? packer.pack_true() : packer.pack_false(); }
  void operator()(const std::string& value) { pack_text(packer, value); }
  void operator()(const ByteBuffer& value) { pack_bin(packer, value); }
  void operator()(const std::vector<std::string>& values) {
    packer.pack_array(static_cast<std::uint32_t>(values.size()));
    for (const std::string& value : values) pack_text(packer, value);
  }
  void operator()(const std::vector<ParamMap>& values) {
    packer.pack_array(static_cast<std::uint32_t>(values.size()));
    for (const ParamMap& value : values) pack_map(packer, value);
  }
};

void pack_map(Packer& packer, const ParamMap& params) {
  packer.pack_map(static_cast<std::uint32_t>(params.values().size()));
  for (const auto& [key, value] : params.values()) {
    pack_text(packer, key);
    std::visit(PackValue{packer}, value);
  }
}

std::optional<ParamMap> read_map(const msgpack::object& object);

std::string text_of(const msgpack::object& object) {
  return {object.via.str.ptr, object.via.str.size};
}

std::optional<ParamValue> read_array(const msgpack::object_array& array) {
  if (array.size > 0 && array.ptr[0].type == msgpack::type::MAP) {
    std::vector<ParamMap> maps;
    for (std::uint32_t i = 0; i < array.size; ++i) {
      auto map = read_map(array.ptr[i]);
      if (!map) return std::nullopt;
      maps.push_back(*std::move(map));
    }
    return maps;
  }
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < array.size; ++i) {
    if (array.ptr[i].type != msgpack::type::STR) return std::nullopt;
    texts.push_back(text_of(array.ptr[i]));
  }
  return texts;
}

std::optional<ParamValue> read_value(const msgpack::object& object) {
  switch (object.type) {
    case msgpack::type::POSITIVE_INTEGER:
      return object.via.u64;
    case msgpack::type::BOOLEAN:
      return object.via.boolean;
    case msgpack::type::STR:
      return text_of(object);
    case msgpack::type::BIN: {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(object.via.bin.ptr);
      return ByteBuffer(bytes, bytes + object.via.bin.size);
    }
    case msgpack::type::ARRAY:
      return read_array(object.via.array);
    default:
      return std::nullopt;
  }
}

// The recursion ends: parse_msgpack() bounds the depth.
std::optional<ParamMap> read_map(const msgpack::object& object) {
  if (object.type != msgpack::type::MAP) return std::nullopt;
  ParamMap params;
  const msgpack::object_map& map = object.via.map;
  for (std::uint32_t i = 0; i < map.size; ++i) {
    if (map.ptr[i].key.type != msgpack::type::STR) return std::nullopt;
    auto value = read_value(map.ptr[i].val);
    if (!value) return std::nullopt;
    params.set(text_of(map.ptr[i].key), *std::move(value));
  }
  return params;
}

}  // namespace

ParamMap& ParamMap::set(std::string key, ParamValue value) {
  values_.insert_or_assign(std::move(key), std::move(value));
  return *this;
}

std::optional<std::uint64_t> ParamMap::number(std::string_view key) const {
  return find<std::uint64_t>(values_, key);
}

std::optional<bool> ParamMap::flag(std::string_view key) const { return find<bool>(values_, key); }

std::optional<std::string> ParamMap::text(std::string_view key) const {
  return find<std::string>(values_, key);
}

std::optional<ByteBuffer> ParamMap::bytes(std::string_view key) const {
  return find<ByteBuffer>(values_, key);
}

const std::vector<std::string>* ParamMap::texts(std::string_view key) const {
  return find_pointer<std::vector<std::string>>(values_, key);
}

const std::vector<ParamMap>* ParamMap::maps(std::string_view key) const {
  return find_pointer<std::vector<ParamMap>>(values_, key);
}

bool ParamMap::operator==(const ParamMap& other) const { return values_ == other.values_; }

ByteBuffer encode_params(const ParamMap& params) {
  ByteBuffer bytes;
  BufferStream stream(bytes);
  Packer packer(stream);
  pack_map(packer, params);
  return bytes;
}

Result<ParamMap> decode_params(Bytes bytes) {
  const auto handle = parse_msgpack(bytes);
  if (!handle) return {ErrorCode::kMalformedFrame, "parameters are one msgpack map"};
  auto params = read_map(handle->get());
  if (!params) {
    return {ErrorCode::kMalformedFrame,
            "parameters are a map of text keys to numbers, flags, texts, bins or lists"};
  }
  return *std::move(params);
}

Result<std::string> decode_text_event(Bytes event_data) {
  const auto handle = parse_msgpack(event_data);
  if (handle && handle->get().type == msgpack::type::MAP) {
    const msgpack::object_map& map = handle->get().via.map;
    for (std::uint32_t i = 0; i < map.size; ++i) {
      const auto& [key, value] = map.ptr[i];
      if (key.type == msgpack::type::STR && text_of(key) == "text" &&
          value.type == msgpack::type::STR) {
        return text_of(value);
      }
    }
  }
  return {ErrorCode::kMalformedFrame, "event_data holds no \"text\""};
}

}  // namespace capstan
