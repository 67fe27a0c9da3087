#include "salvage.h"

#include <algorithm>
#include <vector>

#include "gap_row.h"
#include "leveldb_error.h"

namespace capstan {

namespace {

constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
/// The copy, what LevelDB's repair writes beside it, and the replacement.
constexpr std::uint64_t kReplacementSizes = 3;

// RepairDB takes a full or failing disk for damage and goes on without what it could not read or
// write. This remembers that it happened, so that a passing fault of the disk never costs a block.
class FailureWatch final : public leveldb::EnvWrapper {
 public:
  explicit FailureWatch(leveldb::Env& target) : EnvWrapper(&target) {}

  [[nodiscard]] const leveldb::Status& first_failure() const { return first_failure_; }

  leveldb::Status note(const leveldb::Status& status) {
    if (status.IsIOError() && first_failure_.ok()) first_failure_ = status;
    return status;
  }

  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** file) override {
    const leveldb::Status made = note(target()->NewWritableFile(path, file));
    if (made.ok()) *file = new WatchedFile(*this, *file);
    return made;
  }
  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** file) override {
    const leveldb::Status opened = note(target()->NewSequentialFile(path, file));
    if (opened.ok()) *file = new WatchedLog(*this, *file);
    return opened;
  }
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** file) override {
    const leveldb::Status opened = note(target()->NewRandomAccessFile(path, file));
    if (opened.ok()) *file = new WatchedTable(*this, *file);
    return opened;
  }
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override {
    return note(target()->RenameFile(from, to));
  }

 private:
  class WatchedLog final : public leveldb::SequentialFile {
   public:
    WatchedLog(FailureWatch& watch, leveldb::SequentialFile* file) : watch_(watch), file_(file) {}
    leveldb::Status Read(std::size_t count, leveldb::Slice* result, char* scratch) override {
      return watch_.note(file_->Read(count, result, scratch));
    }
    leveldb::Status Skip(std::uint64_t count) override { return watch_.note(file_->Skip(count)); }

   private:
    FailureWatch& watch_;
    std::unique_ptr<leveldb::SequentialFile> file_;
  };
  class WatchedTable final : public leveldb::RandomAccessFile {
   public:
    WatchedTable(FailureWatch& watch, leveldb::RandomAccessFile* file)
        : watch_(watch), file_(file) {}
    leveldb::Status Read(std::uint64_t offset, std::size_t count, leveldb::Slice* result,
                         char* scratch) const override {
      return watch_.note(file_->Read(offset, count, result, scratch));
    }

   private:
    FailureWatch& watch_;
    std::unique_ptr<leveldb::RandomAccessFile> file_;
  };
  class WatchedFile final : public leveldb::WritableFile {
   public:
    WatchedFile(FailureWatch& watch, leveldb::WritableFile* file) : watch_(watch), file_(file) {}
    leveldb::Status Append(const leveldb::Slice& data) override {
      return watch_.note(file_->Append(data));
    }
    leveldb::Status Close() override { return watch_.note(file_->Close()); }
    leveldb::Status Flush() override { return watch_.note(file_->Flush()); }
    leveldb::Status Sync() override { return watch_.note(file_->Sync()); }

   private:
    FailureWatch& watch_;
    std::unique_ptr<leveldb::WritableFile> file_;
  };

  leveldb::Status first_failure_;
};

// Writes sound entries, each under the key that it names itself.
class Rebuilder {
 public:
  explicit Rebuilder(Segment& target) : target_(target) {}

  Status add(const std::string& key, Bytes value) {
    const std::string_view text = as_text(value);
    batch_.Put(key, {text.data(), text.size()});
    return batch_.ApproximateSize() < kBatchBytes ? Status{} : flush();
  }

  // Always synced: LevelDB loses the tail of a log at its rotation when syncs are mixed with
  // others.
  Status flush() {
    Status written = target_.append(batch_);
    batch_.Clear();
    return written;
  }

 private:
  Segment& target_;
  leveldb::WriteBatch batch_;
};

// The sequence that an entry belongs to; empty when nothing can be believed.
Result<std::optional<Sequence>> sound_base(Bytes value) {
  if (is_gap_row(value)) {
    const auto gap = decode_gap_row(value);
    if (gap) return std::optional(gap->first);
    if (gap.error().code == ErrorCode::kUnsupportedVersion) return gap.error();
    return std::optional<Sequence>();
  }
  const auto block = decode_block(value);
  if (block) return std::optional(block->header.base);
  if (block.error().code == ErrorCode::kUnsupportedVersion) return block.error();
  return std::optional<Sequence>();
}

Status copy_sound_entries(const Segment& from, Segment& to, const KeyOf& key_of) {
  Rebuilder rebuilder(to);
  SegmentReader reader = from.reader();
  for (reader.seek(Sequence{}); reader.valid(); reader.next()) {
    const auto key = key_of(reader.value());
    if (!key) return key.error();
    if (!key->has_value()) continue;
    if (Status added = rebuilder.add(**key, reader.value()); !added) return added;
  }
  if (Status read = reader.status(); !read && read.error().code == ErrorCode::kIo) return read;
  return rebuilder.flush();
}

/// Keys of a segment that begins at `first` and ends at `last`, if anybody knows.
KeyOf keys_between(Sequence first, std::optional<Sequence> last) {
  return [first, last](Bytes value) -> Result<std::optional<std::string>> {
    const auto base = sound_base(value);
    if (!base) return base.error();
    if (!base->has_value() || **base < first || (last && **base > *last)) {
      return std::optional<std::string>();
    }
    const SequenceKey key(**base);
    return std::optional(std::string(key.octets, sizeof key.octets));
  };
}

Result<std::vector<Gap>> find_gaps(const Segment& segment, Sequence first,
                                   std::optional<Sequence> last, Sequence known_last) {
  std::vector<Gap> gaps;
  Sequence expected = first;
  SegmentReader reader = segment.reader();
  reader.seek(first);
  // Nothing at all is left of the newest segment: how much it held, nobody knows, but not nothing.
  // What is known to be lost is one row: a later start that begins behind its end finds all of it.
  if (!reader.valid() && !last) last = std::max(first, known_last);
  for (; reader.valid(); reader.next()) {
    const auto entry = reader.entry();
    if (!entry) return entry.error();
    if (reader.key() > expected) gaps.push_back({expected, Sequence{reader.key().value - 1}});
    expected = last_of(*entry).plus(1);
  }
  if (Status read = reader.status(); !read) return read.error();
  if (last && expected <= *last) gaps.push_back({expected, *last});
  return gaps;
}

Status repair(const DatabaseContext& context, const std::string& copy) {
  const auto names = list_directory(context.env, copy);
  if (!names) return names.error();
  // As a failure of the disk, LevelDB would say.
  if (names->empty()) return {ErrorCode::kDamaged, copy + " is empty"};
  FailureWatch watch(context.env);
  leveldb::Options options = context.options();
  // Of tables. Logs are read without checksums whatever is said here.
  options.paranoid_checks = true;
  options.env = &watch;
  const leveldb::Status repaired = leveldb::RepairDB(copy, options);
  if (!watch.first_failure().ok()) return leveldb_error(watch.first_failure(), copy);
  return checked(repaired, copy);
}

Status rebuild(const DatabaseContext& context, const std::string& copy, Segment& target,
               Sequence first, std::optional<Sequence> last, Sequence known_last) {
  const KeyOf key_of = keys_between(first, last);
  if (Status taken = take_sound_entries(context, copy, target, key_of); !taken) return taken;
  auto gaps = find_gaps(target, first, last, known_last);
  if (!gaps) return gaps.error();
  for (const Gap& gap : *gaps) {
    if (Status noted = target.put_gap(gap); !noted) return noted;
  }
  return {};
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

struct WorkingPaths {
  explicit WorkingPaths(const std::string& original)
      : copy(original + std::string(kSalvageSuffix)),
        rebuilt(original + std::string(kRebuiltSuffix)) {}

  std::string copy;
  std::string rebuilt;
};

Status remove_working(JournalEnv& env, const WorkingPaths& paths) {
  if (Status removed = remove_tree(env, paths.copy); !removed) return removed;
  return remove_tree(env, paths.rebuilt);
}

Status make_replacement(const DatabaseContext& context, const std::string& original,
                        const WorkingPaths& paths, const Refill& refill) {
  if (Status copied = copy_directory(context.env, original, paths.copy); !copied) return copied;
  auto target = Segment::create(context, paths.rebuilt);
  if (!target) return target.error();
  return refill(paths.copy, **target);
}

Result<std::string> exchange(const DatabaseContext& context, const std::string& original,
                             const Refill& refill) {
  JournalEnv& env = context.env;
  const WorkingPaths paths(original);
  // Renamed before, by an exchange that failed: then the replacement beside it is the only one.
  if (!env.FileExists(original)) {
    return {ErrorCode::kIo, original + " is missing; the next start deals with it"};
  }
  if (Status removed = remove_working(env, paths); !removed) return removed.error();
  if (Status made = make_replacement(context, original, paths, refill); !made) {
    (void)remove_working(env, paths).ok();
    return made.error();
  }
  // From here on the replacement is whole: finish_interrupted() completes the exchange.
  auto aside = quarantine(env, original);
  if (!aside) return aside;
  if (Status moved = move_directory(env, paths.rebuilt, original); !moved) return moved.error();
  if (Status removed = remove_tree(env, paths.copy); !removed) return removed.error();
  return aside;
}

}  // namespace

Status check_room(const DatabaseContext& context, const std::string& original) {
  const auto free = context.env.free_bytes(original);
  const std::uint64_t needed =
      kReplacementSizes * directory_bytes(context.env, original) + context.reserve_bytes;
  if (!free || *free >= needed) return {};
  return {ErrorCode::kIo, original + " is damaged; to replace it takes " + mebibytes(needed) +
                              " of free space, the reserve included, and there are " +
                              mebibytes(*free)};
}

// A copy that is beyond repair yields nothing: that is a loss. A disk that fails meanwhile is an
// error.
Status take_sound_entries(const DatabaseContext& context, const std::string& copy, Segment& target,
                          const KeyOf& key_of) {
  DatabaseContext lenient = context;
  lenient.paranoid = false;
  const auto loss_or_error = [](const Error& error) {
    return error.code == ErrorCode::kDamaged ? Status() : Status(error);
  };
  if (Status repaired = repair(lenient, copy); !repaired) return loss_or_error(repaired.error());
  auto segment = Segment::open(lenient, copy);
  if (!segment) return loss_or_error(segment.error());
  return copy_sound_entries(**segment, target, key_of);
}

Result<std::string> replace_database(const DatabaseContext& context, const std::string& original,
                                     const Refill& refill) {
  auto aside = exchange(context, original, refill);
  // What is lost the replacement says, and nobody before it stands there: mail in what is called
  // damaged is settled.
  if (!aside && aside.error().code == ErrorCode::kDamaged) {
    return {ErrorCode::kIo, aside.error().context};
  }
  return aside;
}

Result<std::string> salvage_segment(const DatabaseContext& context, const DataPaths& paths,
                                    Sequence first, std::optional<Sequence> last,
                                    Sequence known_last) {
  return replace_database(context, paths.segment(first),
                          [&](const std::string& copy, Segment& target) {
                            return rebuild(context, copy, target, first, last, known_last);
                          });
}

Status finish_interrupted(JournalEnv& env, const std::string& directory) {
  const auto names = list_directory(env, directory);
  if (!names) return names.error();
  const auto exists = [&names](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  for (const std::string& name : *names) {
    const std::string path = directory + "/" + name;
    const bool replaces = name.ends_with(kRebuiltSuffix) &&
                          !exists(name.substr(0, name.size() - kRebuiltSuffix.size()));
    if (replaces) {
      const std::string original = path.substr(0, path.size() - kRebuiltSuffix.size());
      if (Status moved = move_directory(env, path, original); !moved) return moved;
    } else if (name.ends_with(kRebuiltSuffix) || name.ends_with(kSalvageSuffix) ||
               name.ends_with(kDroppingSuffix)) {
      if (Status removed = remove_tree(env, path); !removed) return removed;
    }
  }
  return {};
}

}  // namespace capstan
