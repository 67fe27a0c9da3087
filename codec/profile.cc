#include "capstan/codec/profile.h"

#include <algorithm>
#include <vector>

#include "buffer_packer.h"
#include "capstan/base/check.h"
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

/// A part of a map as it came: packed anew, 1.0 would become 1, and could be longer.
struct Entry {
  bool named = false;  ///< Its key is the one that was asked for.
  Bytes key;
  Bytes value;
};

bool is_map(Bytes value) {
  return (value[0] & 0xf0) == 0x80 || value[0] == 0xde || value[0] == 0xdf;
}

/// Of a map that was parsed as a whole before.
std::vector<Entry> entries_of(Bytes map, std::string_view asked) {
  std::vector<Entry> entries;
  std::size_t at = map[0] == 0xde ? 3 : map[0] == 0xdf ? 5 : 1;
  while (at < map.size()) {
    const std::size_t begin = at;
    const auto key = parse_msgpack_at(map, at);
    const std::size_t middle = at;
    const auto value = parse_msgpack_at(map, at);
    CAPSTAN_CHECK(key && value);
    entries.push_back({is_text(key->get(), asked), map.subspan(begin, middle - begin),
                       map.subspan(middle, at - middle)});
  }
  return entries;
}

void append_map_head(ByteBuffer& to, std::size_t entries) {
  BufferStream stream(to);
  Packer(stream).pack_map(static_cast<std::uint32_t>(entries));
}

/// The map with every entry but those under `key`.
void append_without(ByteBuffer& to, Bytes map, std::string_view key) {
  std::vector<Entry> entries = entries_of(map, key);
  std::erase_if(entries, [](const Entry& entry) { return entry.named; });
  append_map_head(to, entries.size());
  for (const Entry& entry : entries) {
    append(to, entry.key);
    append(to, entry.value);
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
  const std::vector<Entry> entries = entries_of(passport, "auth");
  ByteBuffer kept;
  append_map_head(kept, entries.size());
  for (const Entry& entry : entries) {
    append(kept, entry.key);
    if (entry.named && is_map(entry.value)) {
      append_without(kept, entry.value, "claim");
    } else {
      append(kept, entry.value);
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
