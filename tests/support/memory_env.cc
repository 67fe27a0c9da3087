#include "memory_env.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "capstan/base/check.h"

namespace capstan {

namespace {

using leveldb::Slice;
using leveldb::Status;

class HeldLock final : public leveldb::FileLock {
 public:
  explicit HeldLock(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class NoLogger final : public leveldb::Logger {
 public:
  void Logv(const char*, std::va_list) override {}
};

Status missing(const std::string& path) { return Status::NotFound(path, "no such file"); }
Status refused(const std::string& path) { return Status::IOError(path, "injected fault"); }

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at) parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return parts;
}

}  // namespace

// Open files keep their node, as on a POSIX system: a rename or removal does not disturb them.
class MemoryEnv::Reader final : public leveldb::SequentialFile {
 public:
  Reader(MemoryEnv& env, std::shared_ptr<Node> node) : env_(env), node_(std::move(node)) {}

  Status Read(std::size_t count, Slice* result, char* scratch) override {
    const std::lock_guard lock(env_.mutex_);
    const std::size_t taken =
        std::min(count, node_->bytes.size() - std::min(at_, node_->bytes.size()));
    std::copy_n(node_->bytes.data() + std::min(at_, node_->bytes.size()), taken, scratch);
    at_ += taken;
    *result = Slice(scratch, taken);
    return Status::OK();
  }
  Status Skip(std::uint64_t count) override {
    const std::lock_guard lock(env_.mutex_);
    at_ = std::min<std::size_t>(at_ + count, node_->bytes.size());
    return Status::OK();
  }

 private:
  MemoryEnv& env_;
  std::shared_ptr<Node> node_;
  std::size_t at_ = 0;
};

class MemoryEnv::RandomReader final : public leveldb::RandomAccessFile {
 public:
  RandomReader(MemoryEnv& env, std::shared_ptr<Node> node) : env_(env), node_(std::move(node)) {}

  Status Read(std::uint64_t offset, std::size_t count, Slice* result,
              char* scratch) const override {
    const std::lock_guard lock(env_.mutex_);
    const std::size_t size = node_->bytes.size();
    if (offset > size) return Status::IOError("read past the end");
    const std::size_t taken = std::min(count, size - static_cast<std::size_t>(offset));
    if (taken > 0) std::memcpy(scratch, node_->bytes.data() + offset, taken);
    *result = Slice(scratch, taken);
    return Status::OK();
  }

 private:
  MemoryEnv& env_;
  std::shared_ptr<Node> node_;
};

class MemoryEnv::Writer final : public leveldb::WritableFile {
 public:
  Writer(MemoryEnv& env, std::shared_ptr<Node> node, std::string path)
      : env_(env), node_(std::move(node)), path_(std::move(path)) {}

  Status Append(const Slice& data) override {
    const std::lock_guard lock(env_.mutex_);
    return env_.append(*node_, data);
  }
  Status Close() override { return Status::OK(); }
  Status Flush() override { return Status::OK(); }
  Status Sync() override {
    env_.stall_.pass();
    const std::lock_guard lock(env_.mutex_);
    return env_.sync_file(*node_, path_);
  }

 private:
  MemoryEnv& env_;
  std::shared_ptr<Node> node_;
  std::string path_;
};

MemoryEnv::MemoryEnv() : root_(std::make_shared<Node>()) { root_->directory = true; }

MemoryEnv::~MemoryEnv() = default;

std::shared_ptr<MemoryEnv::Node> MemoryEnv::find(const std::string& path) const {
  std::shared_ptr<Node> node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto found = node->names.find(part);
    if (found == node->names.end()) return nullptr;
    node = found->second;
  }
  return node;
}

std::shared_ptr<MemoryEnv::Node> MemoryEnv::find_file(const std::string& path) const {
  auto node = find(path);
  return node != nullptr && !node->directory ? node : nullptr;
}

std::optional<MemoryEnv::Place> MemoryEnv::place_of(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  auto directory = slash == std::string::npos ? root_ : find(path.substr(0, slash));
  const std::string name(last_name(path));
  if (directory == nullptr || !directory->directory || name.empty()) return std::nullopt;
  return Place{std::move(directory), name};
}

std::shared_ptr<MemoryEnv::Node> MemoryEnv::copy_of(const Node& node) {
  auto copy = std::make_shared<Node>();
  copy->directory = node.directory;
  copy->bytes = node.bytes;
  copy->synced_bytes = node.bytes.size();
  for (const auto& [name, child] : node.names) copy->names[name] = copy_of(*child);
  copy->durable_names = copy->names;
  return copy;
}

void MemoryEnv::copy_from(const MemoryEnv& other) {
  const std::scoped_lock lock(mutex_, other.mutex_);
  CAPSTAN_CHECK(locks_.empty() && queued_.empty());
  root_ = copy_of(*other.root_);
}

std::uint64_t MemoryEnv::bytes_below(const Node& node) {
  std::uint64_t total = node.bytes.size();
  for (const auto& [name, child] : node.names) total += bytes_below(*child);
  return total;
}

std::uint64_t MemoryEnv::bytes_used() const {
  const std::lock_guard lock(mutex_);
  return bytes_below(*root_);
}

std::uint64_t MemoryEnv::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

Status MemoryEnv::append(Node& node, const Slice& data) {
  if (fail_writes_) return refused("append");
  std::size_t taken = data.size();
  if (capacity_bytes_) {
    const std::uint64_t used = bytes_below(*root_);
    const std::uint64_t room = *capacity_bytes_ - std::min(*capacity_bytes_, used);
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(taken, room));
  }
  node.bytes.append(data.data(), taken);
  return taken == data.size() ? Status::OK() : Status::IOError("append", "no space left on device");
}

bool MemoryEnv::sync_fails() {
  ++syncs_;
  if (!syncs_left_) return false;
  if (*syncs_left_ == 0) {
    if (one_sync_fails_) syncs_left_.reset();
    return true;
  }
  --*syncs_left_;
  return false;
}

Status MemoryEnv::sync_file(Node& node, const std::string& path) {
  if (last_name(path).starts_with("MANIFEST") && !sync_names(path.substr(0, path.rfind('/')))) {
    return refused(path);
  }
  if (sync_fails()) return refused(path);
  if (!lie_about_sync_) node.synced_bytes = node.bytes.size();
  return Status::OK();
}

bool MemoryEnv::sync_names(const std::string& path) {
  if (sync_fails()) return false;
  const auto node = find(path);
  if (node == nullptr || !node->directory) return false;
  if (!lie_about_sync_) node->durable_names = node->names;
  return true;
}

std::error_code MemoryEnv::sync_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return sync_names(path) ? std::error_code() : std::make_error_code(std::errc::io_error);
}

std::optional<std::uint64_t> MemoryEnv::free_bytes(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (!capacity_bytes_) return std::nullopt;
  return *capacity_bytes_ - std::min(*capacity_bytes_, bytes_below(*root_));
}

Status MemoryEnv::NewSequentialFile(const std::string& path, leveldb::SequentialFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  auto node = find_file(path);
  if (node == nullptr) return missing(path);
  *file = new Reader(*this, std::move(node));
  return Status::OK();
}

Status MemoryEnv::NewRandomAccessFile(const std::string& path, leveldb::RandomAccessFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  auto node = find_file(path);
  if (node == nullptr) return missing(path);
  *file = new RandomReader(*this, std::move(node));
  return Status::OK();
}

Status MemoryEnv::NewWritableFile(const std::string& path, leveldb::WritableFile** file) {
  const std::lock_guard lock(mutex_);
  *file = nullptr;
  if (fail_writes_) return refused(path);
  const auto place = place_of(path);
  if (!place) return missing(path);
  auto node = std::make_shared<Node>();
  place->directory->names[place->name] = node;
  *file = new Writer(*this, std::move(node), path);
  return Status::OK();
}

Status MemoryEnv::NewAppendableFile(const std::string& path, leveldb::WritableFile** file) {
  {
    const std::lock_guard lock(mutex_);
    *file = nullptr;
    if (fail_writes_) return refused(path);
    if (auto node = find_file(path)) {
      *file = new Writer(*this, std::move(node), path);
      return Status::OK();
    }
  }
  return NewWritableFile(path, file);
}

bool MemoryEnv::FileExists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return find(path) != nullptr;
}

Status MemoryEnv::GetChildren(const std::string& path, std::vector<std::string>* names) {
  const std::lock_guard lock(mutex_);
  names->clear();
  if (fail_listings_) return refused(path);
  const auto node = find(path);
  if (node == nullptr || !node->directory) return missing(path);
  for (const auto& [name, child] : node->names) names->push_back(name);
  return Status::OK();
}

Status MemoryEnv::remove(const std::string& path, bool directory) {
  const std::lock_guard lock(mutex_);
  if (fail_writes_) return refused(path);
  const auto node = find(path);
  if (node == nullptr || node->directory != directory) return missing(path);
  if (!node->names.empty()) return Status::IOError(path, "directory is not empty");
  const auto place = place_of(path);
  place->directory->names.erase(place->name);
  return Status::OK();
}

Status MemoryEnv::RemoveFile(const std::string& path) { return remove(path, false); }
Status MemoryEnv::RemoveDir(const std::string& path) { return remove(path, true); }

Status MemoryEnv::CreateDir(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (fail_writes_) return refused(path);
  const auto place = place_of(path);
  if (!place) return missing(path);
  auto node = std::make_shared<Node>();
  node->directory = true;
  if (!place->directory->names.emplace(place->name, std::move(node)).second) {
    return Status::IOError(path, "exists");
  }
  return Status::OK();
}

Status MemoryEnv::GetFileSize(const std::string& path, std::uint64_t* bytes) {
  const std::lock_guard lock(mutex_);
  *bytes = 0;
  const auto node = find_file(path);
  if (node == nullptr) return missing(path);
  *bytes = node->bytes.size();
  return Status::OK();
}

Status MemoryEnv::RenameFile(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  if (fail_writes_) return refused(from);
  const auto node = find(from);
  const auto target = place_of(to);
  if (node == nullptr || !target) return missing(from);
  const auto source = place_of(from);
  source->directory->names.erase(source->name);
  target->directory->names[target->name] = node;
  return Status::OK();
}

Status MemoryEnv::LockFile(const std::string& path, leveldb::FileLock** lock) {
  const std::lock_guard guard(mutex_);
  *lock = nullptr;
  const auto place = place_of(path);
  if (!place) return missing(path);
  if (!locks_.insert(path).second) return Status::IOError("lock " + path, "already held");
  auto& node = place->directory->names[place->name];
  if (node == nullptr) node = std::make_shared<Node>();
  *lock = new HeldLock(path);
  return Status::OK();
}

Status MemoryEnv::UnlockFile(leveldb::FileLock* lock) {
  const std::lock_guard guard(mutex_);
  const std::unique_ptr<HeldLock> held(static_cast<HeldLock*>(lock));
  locks_.erase(held->path());
  return Status::OK();
}

void MemoryEnv::Schedule(void (*work)(void*), void* argument) {
  const std::lock_guard lock(mutex_);
  queued_.push_back({work, argument});
}

void MemoryEnv::run_background() {
  const auto next = [this]() -> std::optional<Work> {
    const std::lock_guard lock(mutex_);
    if (queued_.empty()) return std::nullopt;
    const Work work = queued_.front();
    queued_.pop_front();
    return work;
  };
  while (const auto work = next()) work->run(work->argument);
}

void MemoryEnv::StartThread(void (*work)(void*), void* argument) {
  std::thread(work, argument).detach();
}

Status MemoryEnv::GetTestDirectory(std::string* path) {
  *path = "/test";
  static_cast<void>(CreateDir(*path).ok());
  return Status::OK();
}

Status MemoryEnv::NewLogger(const std::string&, leveldb::Logger** logger) {
  *logger = new NoLogger;
  return Status::OK();
}

std::uint64_t MemoryEnv::NowMicros() {
  const std::lock_guard lock(mutex_);
  return ++now_micros_;
}

void MemoryEnv::SleepForMicroseconds(int micros) {
  const std::lock_guard lock(mutex_);
  now_micros_ += static_cast<std::uint64_t>(std::max(micros, 0));
}

}  // namespace capstan
