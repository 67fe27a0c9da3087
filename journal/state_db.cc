#include "state_db.h"

#include <algorithm>
#include <utility>

#include "capstan/base/check.h"
#include "capstan/base/cursor.h"
#include "files.h"
#include "leveldb/write_batch.h"
#include "leveldb_error.h"

namespace capstan {

namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kWriteBufferBytes = std::size_t{4} << 20;

// First octet of a key.
constexpr char kMarkKey[] = "m";
constexpr char kSealKind = 'c';
constexpr char kRowKind = 'r';

Bytes bytes_of(const leveldb::Slice& slice) { return as_bytes({slice.data(), slice.size()}); }

leveldb::Slice slice_of(const ByteBuffer& bytes) {
  const std::string_view text = as_text(bytes);
  return {text.data(), text.size()};
}

// One such key exists at a time: each checkpoint writes its own and deletes that of its
// predecessor. A write that LevelDB lost in silence leaves one too many behind.
std::string seal_key(std::uint64_t checkpoint) {
  const SequenceKey number(Sequence{checkpoint});
  return kSealKind + std::string(number.octets, sizeof number.octets);
}

void replace_row_key(std::string& key, std::string_view row) {
  key.assign(1, kRowKind);
  key.append(row);
}

leveldb::ReadOptions checked_reads() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  return options;
}

Error damaged(const std::string& path, const char* what) {
  return {ErrorCode::kDamaged, path + ": " + what};
}

}  // namespace

StateDb::StateDb(JournalEnv& env, std::unique_ptr<leveldb::DB> database, std::string path)
    : env_(env), database_(std::move(database)), path_(std::move(path)) {}

StateDb::~StateDb() { env_.run_background(); }

Result<std::unique_ptr<StateDb>> StateDb::open(const DatabaseContext& context,
                                               const std::string& path) {
  // LevelDB does not look whether it could make the directory: what follows would look like damage.
  if (Status made = make_directory(context.env, path); !made) return made.error();
  leveldb::Options options = context.options();
  options.create_if_missing = true;
  options.write_buffer_size = std::min(kWriteBufferBytes, context.write_buffer_bytes);
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, path, &opened);
  if (!status.ok()) return leveldb_error(status, path);
  context.env.run_background();
  std::unique_ptr<StateDb> state(
      new StateDb(context.env, std::unique_ptr<leveldb::DB>(opened), path));
  if (Status sound = state->check(); !sound) return sound.error();
  return state;
}

Status StateDb::load_mark() {
  std::string value;
  const leveldb::Status found = database_->Get(checked_reads(), kMarkKey, &value);
  if (found.IsNotFound()) return {};
  if (!found.ok()) return leveldb_error(found, path_);
  Cursor in(as_bytes(value));
  const std::uint64_t version = in.u64_le();
  mark_.checkpoint = in.u64_le();
  mark_.applied = Sequence{in.u64_le()};
  mark_.last_commit = CommitNumber{in.u64_le()};
  mark_.id_time_ceiling_ns = in.u64_le();
  if (!in.ok()) return damaged(path_, "the mark is too short");
  if (version == kVersion) return {};
  return {ErrorCode::kUnsupportedVersion, path_ + ": state format " + std::to_string(version) +
                                              " is on disk, this program reads format " +
                                              std::to_string(kVersion)};
}

Status StateDb::check() {
  if (Status loaded = load_mark(); !loaded) return loaded;
  const std::string seal = seal_key(mark_.checkpoint);
  std::uint64_t seals = 0;
  std::uint64_t rows = 0;
  const std::unique_ptr<leveldb::Iterator> at(database_->NewIterator(checked_reads()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const leveldb::Slice key = at->key();
    if (key.starts_with({&kRowKind, 1})) ++rows;
    if (!key.starts_with({&kSealKind, 1})) continue;
    ++seals;
    if (key != leveldb::Slice(seal)) return damaged(path_, "a checkpoint is missing");
  }
  if (!at->status().ok()) return leveldb_error(at->status(), path_);
  if (seals != (mark_.checkpoint == 0 ? 0U : 1U)) return damaged(path_, "a checkpoint is missing");
  if (mark_.checkpoint == 0 && rows != 0) return damaged(path_, "rows without a mark");
  return {};
}

Status StateDb::rows(const std::function<Status(Bytes, Bytes)>& row) const {
  const std::unique_ptr<leveldb::Iterator> at(database_->NewIterator(checked_reads()));
  for (at->Seek({&kRowKind, 1}); at->Valid() && at->key().starts_with({&kRowKind, 1}); at->Next()) {
    if (Status taken = row(bytes_of(at->key()).subspan(1), bytes_of(at->value())); !taken)
      return taken;
  }
  return checked(at->status(), path_);
}

Status StateDb::write(const Checkpoint& checkpoint, CommitNumber last_commit,
                      std::uint64_t id_time_ceiling_ns) {
  CAPSTAN_CHECK(checkpoint.applied >= mark_.applied);
  StateMark next{mark_.checkpoint + 1, checkpoint.applied, last_commit, id_time_ceiling_ns};
  leveldb::WriteBatch batch;
  std::string key;
  for (const StateRow& row : checkpoint.puts) {
    replace_row_key(key, row.key);
    batch.Put(key, row.value);
  }
  for (const std::string& row : checkpoint.deletes) {
    replace_row_key(key, row);
    batch.Delete(key);
  }
  ByteBuffer value;
  append_u64_le(value, kVersion);
  append_u64_le(value, next.checkpoint);
  append_u64_le(value, next.applied.value);
  append_u64_le(value, next.last_commit.value);
  append_u64_le(value, next.id_time_ceiling_ns);
  batch.Put(kMarkKey, slice_of(value));
  batch.Put(seal_key(next.checkpoint), {});
  if (mark_.checkpoint != 0) batch.Delete(seal_key(mark_.checkpoint));
  leveldb::WriteOptions options;
  options.sync = true;
  const leveldb::Status written = database_->Write(options, &batch);
  env_.run_background();
  if (written.ok()) mark_ = next;
  return checked(written, path_);
}

}  // namespace capstan
