// What happens to the disk in memory: power cuts and faults, and what a test looks at or alters.
#include <algorithm>
#include <map>
#include <utility>

#include "capstan/base/check.h"
#include "memory_env.h"

namespace capstan {

// A rename moves a durable file as one step: it may be found under either name, never under none.
void MemoryEnv::keep_renamed(Node& node, const Names& before) {
  const auto holds = [](const Names& names, const std::shared_ptr<Node>& child) {
    return std::any_of(names.begin(), names.end(),
                       [&](const auto& one) { return one.second == child; });
  };
  for (const auto& [name, child] : node.durable_names) {
    if (holds(node.names, child)) continue;
    for (const auto& [name_before, child_before] : before) {
      if (child_before == child) node.names[name_before] = child;
    }
  }
}

// Nor is a directory ever found under two names, which would be emptied under both.
void MemoryEnv::keep_one_name(Node& node, Random& random) {
  std::map<const Node*, std::string> named;
  const Names all = node.names;
  for (const auto& [name, child] : all) {
    if (!child->directory) continue;
    const auto [first, fresh] = named.try_emplace(child.get(), name);
    if (!fresh) node.names.erase(random.one_in(2) ? name : first->second);
  }
}

void MemoryEnv::crash_node(Node& node, Random& random) {
  if (!node.directory) {
    const std::uint64_t unsynced = node.bytes.size() - node.synced_bytes;
    node.bytes.resize(node.synced_bytes + static_cast<std::size_t>(random.below(unsynced + 1)));
    node.synced_bytes = node.bytes.size();
    return;
  }
  const Names before = node.names;
  std::set<std::string> all;
  for (const auto& [name, child] : node.names) all.insert(name);
  for (const auto& [name, child] : node.durable_names) all.insert(name);
  for (const std::string& name : all) {
    const auto now = node.names.find(name);
    const auto durable = node.durable_names.find(name);
    const auto child_now = now == node.names.end() ? nullptr : now->second;
    const auto child_durable = durable == node.durable_names.end() ? nullptr : durable->second;
    if (child_now == child_durable) continue;
    const auto& kept = random.one_in(2) ? child_now : child_durable;
    if (kept == nullptr) {
      node.names.erase(name);
    } else {
      node.names[name] = kept;
    }
  }
  keep_renamed(node, before);
  keep_one_name(node, random);
  node.durable_names = node.names;
  for (const auto& [name, child] : node.names) crash_node(*child, random);
}

void MemoryEnv::crash(Random& random) {
  const std::lock_guard lock(mutex_);
  CAPSTAN_CHECK(locks_.empty() && queued_.empty());
  crash_node(*root_, random);
}

void MemoryEnv::fail_sync_after(std::optional<std::uint64_t> count) {
  const std::lock_guard lock(mutex_);
  syncs_left_ = count;
  one_sync_fails_ = false;
}

void MemoryEnv::fail_one_sync_after(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  syncs_left_ = count;
  one_sync_fails_ = true;
}

void MemoryEnv::fail_listings(bool fail) {
  const std::lock_guard lock(mutex_);
  fail_listings_ = fail;
}

void MemoryEnv::fail_writes(bool fail) {
  const std::lock_guard lock(mutex_);
  fail_writes_ = fail;
}

void MemoryEnv::full_after(std::optional<std::uint64_t> bytes) {
  const std::lock_guard lock(mutex_);
  capacity_bytes_ = bytes;
}

void MemoryEnv::lie_about_sync(bool lie) {
  const std::lock_guard lock(mutex_);
  lie_about_sync_ = lie;
}

std::vector<std::string> MemoryEnv::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  const auto visit = [&paths](const auto& self, const Node& node, const std::string& path) -> void {
    if (!node.directory) paths.push_back(path);
    for (const auto& [name, child] : node.names) self(self, *child, path + "/" + name);
  };
  visit(visit, *root_, "");
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string MemoryEnv::content(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto node = find_file(path);
  CAPSTAN_CHECK(node != nullptr);
  return node->bytes;
}

void MemoryEnv::set_content(const std::string& path, std::string content) {
  const std::lock_guard lock(mutex_);
  const auto node = find_file(path);
  CAPSTAN_CHECK(node != nullptr);
  node->bytes = std::move(content);
  node->synced_bytes = node->bytes.size();
}

void MemoryEnv::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  const std::lock_guard lock(mutex_);
  const auto node = find_file(path);
  CAPSTAN_CHECK(node != nullptr && offset < node->bytes.size() && bit < 8);
  char& octet = node->bytes[static_cast<std::size_t>(offset)];
  octet = static_cast<char>(static_cast<unsigned char>(octet) ^ (1U << bit));
}

}  // namespace capstan
