#include "capstan/core/idempotency.h"

#include <xxhash.h>

#include <algorithm>

#include "capstan/base/cursor.h"
#include "state_row_codec.h"

namespace capstan {

namespace {

IdempotencyKeys::Hash hash_of(Bytes key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return {hash.high64, hash.low64};
}

/// Nothing in the group is younger than this.
bool is_old(const EnvelopeId& newest, std::uint64_t clock_ns) {
  return newest.clock_ns() + kKeyWindowNs < clock_ns;
}

}  // namespace

std::optional<EnvelopeId> IdempotencyKeys::find(AgentId sender, Bytes key,
                                                std::uint64_t clock_ns) const {
  const auto keys = senders_.find(sender);
  if (keys == senders_.end()) return std::nullopt;
  const auto at = keys->second.ids.find(hash_of(key));
  if (at == keys->second.ids.end() || is_old(at->second, clock_ns)) return std::nullopt;
  return at->second;
}

void IdempotencyKeys::note(AgentId sender, Bytes key, const EnvelopeId& id) {
  Sender& keys = senders_[sender];
  if (keys.groups.empty() || keys.groups.back().entries.size() == kKeysPerGroup) {
    const std::uint64_t serial = keys.groups.empty() ? 0 : keys.groups.back().serial + 1;
    keys.groups.push_back({serial, {}});
    deleted_.erase({sender, serial});  // After all were forgotten it begins at 0 again.
    forget_old(id.clock_ns());
  }
  Group& group = keys.groups.back();
  group.entries.push_back({hash_of(key), id});
  keys.ids.insert_or_assign(group.entries.back().hash, id);
  dirty_.insert({sender, group.serial});
  ++total_;
  if (keys.groups.size() * kKeysPerGroup > kKeysPerSenderMax) drop_oldest(sender, keys);
  if (total_ > kKeysMax) {
    const auto most =
        std::max_element(senders_.begin(), senders_.end(), [](const auto& a, const auto& b) {
          return a.second.groups.size() < b.second.groups.size();
        });
    drop_oldest(most->first, most->second);
  }
}

void IdempotencyKeys::drop_oldest(AgentId sender, Sender& keys) {
  const Group& oldest = keys.groups.front();
  for (const Entry& entry : oldest.entries) {
    // The key may have come again after its hour: then it belongs to a younger group.
    const auto at = keys.ids.find(entry.hash);
    if (at != keys.ids.end() && at->second == entry.id) keys.ids.erase(at);
  }
  total_ -= oldest.entries.size();
  dirty_.erase({sender, oldest.serial});
  deleted_.insert({sender, oldest.serial});
  keys.groups.pop_front();
}

void IdempotencyKeys::forget_old(std::uint64_t clock_ns) {
  for (auto at = senders_.begin(); at != senders_.end();) {
    auto& [sender, keys] = *at;
    while (!keys.groups.empty() && !keys.groups.front().entries.empty() &&
           is_old(keys.groups.front().entries.back().id, clock_ns)) {
      drop_oldest(sender, keys);
    }
    at = keys.groups.empty() ? senders_.erase(at) : std::next(at);
  }
}

StateRow IdempotencyKeys::row(AgentId sender, const Group& group) {
  ByteBuffer value;
  for (const Entry& entry : group.entries) {
    append_u64_le(value, entry.hash.high);
    append_u64_le(value, entry.hash.low);
    append(value, entry.id.view());
  }
  return {keys_key(sender, group.serial), std::string(as_text(value))};
}

bool IdempotencyKeys::load(AgentId sender, std::uint64_t serial, Bytes value) {
  Cursor in(value);
  Group group{serial, {}};
  Sender& keys = senders_[sender];
  while (in.ok() && !in.at_end()) {
    Entry entry;
    entry.hash.high = in.u64_le();
    entry.hash.low = in.u64_le();
    const Bytes id = in.take(16);
    if (!in.ok()) return false;
    entry.id = EnvelopeId::from_bytes(id.data());
    keys.ids.insert_or_assign(entry.hash, entry.id);
    group.entries.push_back(entry);
  }
  total_ += group.entries.size();
  keys.groups.push_back(std::move(group));
  return true;
}

void IdempotencyKeys::take_dirty(std::vector<StateRow>& puts, std::vector<std::string>& deletes) {
  for (const auto& [sender, serial] : dirty_) {
    const auto& groups = senders_.at(sender).groups;
    puts.push_back(row(sender, groups[static_cast<std::size_t>(serial - groups.front().serial)]));
  }
  dirty_.clear();
  for (const auto& [sender, serial] : deleted_) deletes.push_back(keys_key(sender, serial));
  deleted_.clear();
}

void IdempotencyKeys::for_each_row(const RowSink& take) const {
  for (const auto& [sender, keys] : senders_) {
    for (const Group& group : keys.groups) take(row(sender, group));
  }
}

void IdempotencyKeys::mark_all_dirty() {
  for (const auto& [sender, keys] : senders_) {
    for (const Group& group : keys.groups) dirty_.insert({sender, group.serial});
  }
}

}  // namespace capstan
