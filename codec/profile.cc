#include "capstan/codec/profile.h"

#include <algorithm>

#include "buffer_packer.h"
#include "msgpack_parse.h"

namespace capstan {

namespace {

bool is_text(const msgpack::object& object, std::string_view text) {
  return object.type == msgpack::type::STR &&
         std::string_view(object.via.str.ptr, object.via.str.size) == text;
}

bool has_text_keys(const msgpack::object_map& map) {
  return std::all_of(map.ptr, map.ptr + map.size, [](const msgpack::object_kv& entry) {
    return entry.key.type == msgpack::type::STR;
  });
}

/// Null when there is none.
const msgpack::object* find_value(const msgpack::object& map, std::string_view key) {
  if (map.type != msgpack::type::MAP) return nullptr;
  const msgpack::object_map& entries = map.via.map;
  const msgpack::object_kv* begin = entries.ptr;
  const msgpack::object_kv* end = begin + entries.size;
  const msgpack::object_kv* at = std::find_if(
      begin, end, [&](const msgpack::object_kv& entry) { return is_text(entry.key, key); });
  return at == end ? nullptr : &at->val;
}

Result<msgpack::object_handle> parse_document(Bytes document) {
  auto handle = parse_msgpack(document);
  if (!handle || handle->get().type != msgpack::type::MAP ||
      !has_text_keys(handle->get().via.map)) {
    return {ErrorCode::kInvalidArgument,
            "a passport, résumé or rule is one msgpack map of text keys (PROTOCOL.md §6.16)"};
  }
  return std::move(*handle);
}

/// The map with every entry but those under `key`.
void pack_without(Packer& packer, const msgpack::object_map& map, std::string_view key) {
  const auto named = [&](const msgpack::object_kv& entry) { return is_text(entry.key, key); };
  const auto left_out = std::count_if(map.ptr, map.ptr + map.size, named);
  packer.pack_map(map.size - static_cast<std::uint32_t>(left_out));
  for (std::uint32_t i = 0; i < map.size; ++i) {
    if (named(map.ptr[i])) continue;
    packer.pack(map.ptr[i].key);
    packer.pack(map.ptr[i].val);
  }
}

}  // namespace

Status check_document(Bytes document) {
  if (document.empty()) return {};
  const auto parsed = parse_document(document);
  return parsed ? Status() : Status(parsed.error());
}

Result<ByteBuffer> without_claim(Bytes passport) {
  if (passport.empty()) return ByteBuffer();
  const auto parsed = parse_document(passport);
  if (!parsed) return parsed.error();
  const msgpack::object_map& map = parsed->get().via.map;
  ByteBuffer kept;
  BufferStream stream(kept);
  Packer packer(stream);
  packer.pack_map(map.size);
  for (std::uint32_t i = 0; i < map.size; ++i) {
    const auto& [key, value] = map.ptr[i];
    packer.pack(key);
    if (is_text(key, "auth") && value.type == msgpack::type::MAP) {
      pack_without(packer, value.via.map, "claim");
    } else {
      packer.pack(value);
    }
  }
  return kept;
}

bool claims_capability(Bytes resume, std::string_view capability) {
  const auto parsed = parse_msgpack(resume);
  if (!parsed) return false;
  const msgpack::object* claimed = find_value(parsed->get(), "claimed_capabilities");
  if (claimed == nullptr || claimed->type != msgpack::type::ARRAY) return false;
  const msgpack::object_array& list = claimed->via.array;
  return std::any_of(list.ptr, list.ptr + list.size,
                     [&](const msgpack::object& entry) { return is_text(entry, capability); });
}

}  // namespace capstan
