#include "files.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>

#include "leveldb_error.h"

namespace capstan {

namespace {

constexpr std::size_t kSegmentDigits = 20;
constexpr std::size_t kCopyBytes = std::size_t{256} << 10;
constexpr std::size_t kProbeBytes = std::size_t{64} << 10;

Error unreadable(const leveldb::Status& status, const std::string& path) {
  return {ErrorCode::kIo, path + ": " + status.ToString()};
}

Result<bool> is_directory(JournalEnv& env, const std::string& path) {
  std::vector<std::string> ignored;
  const leveldb::Status listed = env.GetChildren(path, &ignored);
  if (!listed.ok() && !listed.IsNotFound()) return unreadable(listed, path);
  return listed.ok();
}

Status remove_entry(JournalEnv& env, const std::string& path) {
  const auto directory = is_directory(env, path);
  if (!directory) return directory.error();
  return *directory ? remove_tree(env, path) : checked(env.RemoveFile(path), path);
}

// One that is left without a durable name would pass for an old one at the next start.
Status create_directory(JournalEnv& env, const std::string& path) {
  if (Status made = checked(env.target()->CreateDir(path), path); !made) return made;
  Status named = sync_name(env, path);
  if (!named) (void)env.RemoveDir(path);
  return named;
}

leveldb::Status copy_bytes(leveldb::SequentialFile& from, leveldb::WritableFile& to) {
  std::string scratch(kCopyBytes, '\0');
  while (true) {
    leveldb::Slice piece;
    leveldb::Status status = from.Read(scratch.size(), &piece, scratch.data());
    if (!status.ok()) return status;
    if (piece.empty()) return to.Sync();
    status = to.Append(piece);
    if (!status.ok()) return status;
  }
}

leveldb::Status copy_file(JournalEnv& env, const std::string& from, const std::string& to) {
  leveldb::SequentialFile* opened = nullptr;
  leveldb::Status status = env.NewSequentialFile(from, &opened);
  if (!status.ok()) return status;
  const std::unique_ptr<leveldb::SequentialFile> source(opened);
  leveldb::WritableFile* made = nullptr;
  status = env.NewWritableFile(to, &made);
  if (!status.ok()) return status;
  const std::unique_ptr<leveldb::WritableFile> target(made);
  status = copy_bytes(*source, *target);
  const leveldb::Status closed = target->Close();
  return status.ok() ? closed : status;
}

}  // namespace

std::string DataPaths::segment(Sequence first) const {
  char digits[kSegmentDigits + 1];
  std::snprintf(digits, sizeof digits, "%020" PRIu64, first.value);
  return journal() + "/" + digits;
}

std::optional<Sequence> parse_segment_name(std::string_view name) {
  if (name.size() != kSegmentDigits) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : name) {
    if (digit < '0' || digit > '9') return std::nullopt;
    const auto units = static_cast<std::uint64_t>(digit - '0');
    if (value > (UINT64_MAX - units) / 10) return std::nullopt;
    value = value * 10 + units;
  }
  if (value == 0) return std::nullopt;
  return Sequence{value};
}

Result<std::vector<std::string>> list_directory(JournalEnv& env, const std::string& path) {
  std::vector<std::string> names;
  const leveldb::Status listed = env.GetChildren(path, &names);
  if (listed.IsNotFound()) return std::vector<std::string>();
  if (!listed.ok()) return unreadable(listed, path);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::sort(names.begin(), names.end());
  return names;
}

Status make_directory(JournalEnv& env, const std::string& path) {
  const auto exists = is_directory(env, path);
  if (!exists) return exists.error();
  if (!*exists) return create_directory(env, path);
  const leveldb::Status synced = env.sync_directory(parent_directory(path));
  return synced.IsNotSupportedError() ? Status() : checked(synced, path);
}

Status sync_name(JournalEnv& env, const std::string& path) {
  return checked(env.sync_directory(parent_directory(path)), path);
}

Status try_disk(JournalEnv& env, const std::string& directory) {
  const std::string path = directory + "/probe";
  leveldb::WritableFile* opened = nullptr;
  leveldb::Status written = env.NewWritableFile(path, &opened);
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  if (written.ok()) written = file->Append(std::string(kProbeBytes, '\0'));
  if (written.ok()) written = file->Sync();
  (void)env.RemoveFile(path);
  return checked(written, path);
}

std::uint64_t directory_bytes(JournalEnv& env, const std::string& path) {
  std::uint64_t total = 0;
  const auto names = list_directory(env, path);
  if (!names) return 0;
  for (const std::string& name : *names) {
    std::uint64_t bytes = 0;
    if (env.GetFileSize(path + "/" + name, &bytes).ok()) total += bytes;
  }
  return total;
}

bool holds_data(JournalEnv& env, const std::string& directory) {
  const auto names = list_directory(env, directory);
  if (!names) return true;
  for (const std::string& name : *names) {
    if (!name.ends_with(".log") && !name.ends_with(".ldb")) continue;
    std::uint64_t bytes = 0;
    if (!env.GetFileSize(directory + "/" + name, &bytes).ok() || bytes > 0) return true;
  }
  return false;
}

Status remove_tree(JournalEnv& env, const std::string& path) {
  const auto exists = is_directory(env, path);
  if (!exists) return exists.error();
  if (!*exists) return {};
  const auto names = list_directory(env, path);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (Status removed = remove_entry(env, path + "/" + name); !removed) return removed;
  }
  if (const leveldb::Status removed = env.RemoveDir(path); !removed.ok()) {
    return leveldb_error(removed, path);
  }
  return sync_name(env, path);
}

Status copy_directory(JournalEnv& env, const std::string& from, const std::string& to) {
  if (Status made = make_directory(env, to); !made) return made;
  const auto names = list_directory(env, from);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto directory = is_directory(env, from + "/" + name);
    if (!directory) return directory.error();
    if (name == "LOCK" || *directory) continue;
    if (Status copied =
            checked(copy_file(env, from + "/" + name, to + "/" + name), from + "/" + name);
        !copied) {
      return copied;
    }
  }
  return checked(env.sync_directory(to), to);
}

Status move_directory(JournalEnv& env, const std::string& from, const std::string& to) {
  if (const leveldb::Status moved = env.RenameFile(from, to); !moved.ok()) {
    return leveldb_error(moved, from);
  }
  return sync_name(env, to);
}

Result<std::string> quarantine(JournalEnv& env, const std::string& path) {
  for (std::uint64_t n = 1;; ++n) {
    const std::string aside = path + std::string(kQuarantinedSuffix) + std::to_string(n);
    const auto taken = is_directory(env, aside);
    if (!taken) return taken.error();
    if (*taken) continue;
    if (Status moved = move_directory(env, path, aside); !moved) return moved.error();
    return aside;
  }
}

}  // namespace capstan
