#include "cold_store.h"

#include <algorithm>
#include <utility>

#include "block_codec.h"
#include "capstan/base/check.h"
#include "gap_row.h"
#include "leveldb/env.h"
#include "leveldb/write_batch.h"
#include "leveldb_error.h"
#include "salvage.h"

namespace capstan {

namespace {

// What is added is synced at once; a small buffer keeps the log small that it also stands in.
constexpr std::size_t kWriteBufferBytes = std::size_t{4} << 20;

bool is_damage(const Error& error) { return error.code == ErrorCode::kDamaged; }

Error lost(Gap gap) { return {ErrorCode::kDamaged, gap_text(gap) + " are lost from cold/"}; }

DatabaseContext small_buffer(const DatabaseContext& context) {
  DatabaseContext small = context;
  small.write_buffer_bytes = std::min(small.write_buffer_bytes, kWriteBufferBytes);
  return small;
}

/// A thinned block belongs to no commit any more, but knows its range: a row that is lost can be
/// made again from what is left of its blocks.
std::string encode_thinned(const Block& block, const ColdRange& range) {
  BlockHeader header;
  header.commit = CommitNumber{range.first.value};
  header.commit_blocks = 1;
  header.base = block.base;
  header.commit_last = range.last;
  header.record_count = block.record_count;
  header.thinned = true;
  header.time_first_ns = block.time_first_ns;
  header.time_last_ns = block.time_last_ns;
  std::string value;
  (void)encode_block(header, block.records, value);
  return value;
}

std::string block_key(Sequence base) {
  const SequenceKey key(base);
  return {key.octets, sizeof key.octets};
}

/// The key that a sound value belongs under; empty when nothing can be believed.
Result<std::optional<std::string>> sound_key(Bytes value) {
  const auto key_of = [](auto&& decoded, auto key) -> Result<std::optional<std::string>> {
    if (decoded) return std::optional(key(*decoded));
    if (is_damage(decoded.error())) return std::optional<std::string>();
    return decoded.error();
  };
  if (is_cold_row(value)) {
    return key_of(decode_cold_row(value),
                  [](const ColdRow& row) { return cold_row_key(row.first); });
  }
  if (is_gap_row(value)) {
    return key_of(decode_gap_row(value), [](const Gap& gap) { return block_key(gap.first); });
  }
  return key_of(decode_block(value),
                [](const StoredBlock& block) { return block_key(block.header.base); });
}

bool is_row_key(const SegmentReader& reader) { return reader.key() == Sequence{}; }

/// Calls `take(row)` for every row that proves itself.
template <typename Take>
Status for_each_row(const Segment& database, Take take) {
  SegmentReader reader = database.reader();
  for (reader.seek(cold_row_key(Sequence{})); reader.valid(); reader.next()) {
    auto row = decode_cold_row(reader.value());
    if (!row) return row.error();
    if (Status taken = take(*row); !taken) return taken;
  }
  return reader.status();
}

/// The block at `base`, checked, or the known loss in its place; a view of what the reader holds.
Result<SegmentEntry> entry_at(SegmentReader& reader, Sequence base) {
  reader.seek(base);
  if (Status read = reader.status(); !read) return read.error();
  if (!reader.valid() || reader.key() != base) return lost({base, base});
  auto entry = reader.entry();
  const auto* block = entry ? std::get_if<StoredBlock>(&*entry) : nullptr;
  if (block != nullptr && !block->header.thinned) {
    return {ErrorCode::kDamaged, "cold/ holds a block of a segment"};
  }
  return entry;
}

bool is_known_loss(const Segment& database, Sequence base) {
  SegmentReader reader = database.reader();
  const auto entry = entry_at(reader, base);
  return entry && std::holds_alternative<Gap>(*entry);
}

/// A gap row for every block that a row names and nothing is left of.
Status note_losses(Segment& database) {
  SegmentReader reader = database.reader();
  return for_each_row(database, [&](const ColdRow& row) -> Status {
    for (const Gap& block : row.blocks) {
      const auto entry = entry_at(reader, block.first);
      if (entry) continue;
      if (!is_damage(entry.error())) return entry.error();
      if (Status noted = database.put_gap(block); !noted) return noted;
    }
    return {};
  });
}

/// Rows that are lost, as far as blocks that are left tell of them.
Status restore_rows(Segment& database) {
  std::map<Sequence, ColdRow> rows;
  SegmentReader reader = database.reader();
  for (reader.seek(Sequence{}); reader.valid() && !is_row_key(reader); reader.next()) {
    const auto entry = reader.entry();
    const auto* block = entry ? std::get_if<StoredBlock>(&*entry) : nullptr;
    if (block == nullptr || !block->header.thinned) continue;
    const Sequence first{block->header.commit.value};
    ColdRow& row = rows[first];
    row.first = first;
    row.last = block->header.commit_last;
    row.blocks.push_back({block->header.base, block->header.last()});
  }
  if (Status read = reader.status(); !read) return read;
  Status known = for_each_row(database, [&](const ColdRow& row) -> Status {
    rows.erase(row.first);
    return {};
  });
  if (!known || rows.empty()) return known;
  leveldb::WriteBatch batch;
  for (const auto& [first, row] : rows) batch.Put(cold_row_key(first), encode_cold_row(row));
  return database.append(batch);
}

}  // namespace

ColdStore::ColdStore(const DatabaseContext& context, DataPaths paths)
    : context_(small_buffer(context)), paths_(std::move(paths)) {}

Status ColdStore::open() {
  Status opened = open_existing();
  running_ = true;
  return opened;
}

Status ColdStore::open_existing() {
  if (!context_.env.FileExists(paths_.cold() + "/CURRENT")) {
    // Nothing was ever kept in it, or else its head is lost.
    return holds_data(context_.env, paths_.cold()) ? salvage() : Status();
  }
  auto opened = Segment::open(context_, paths_.cold());
  if (!opened && is_damage(opened.error())) return salvage();
  if (!opened) return opened.error();
  database_ = std::move(*opened);
  Status loaded = load();
  return !loaded && is_damage(loaded.error()) ? salvage() : loaded;
}

Status ColdStore::load() {
  std::map<Sequence, Known> found;
  Status walked = for_each_row(*database_, [&](const ColdRow& row) -> Status {
    found[row.first] = {row.last, !row.blocks.empty()};
    return {};
  });
  if (walked) ranges_ = std::move(found);
  measure();
  return walked;
}

// After a write that failed LevelDB takes no other, and only what a new start of it reads is known.
// Until the disk takes writes there is none: what stands there can still be read.
Status ColdStore::make_ready() {
  if (database_ && !write_failed_) return {};
  if (Status room = try_disk(context_.env, paths_.cold()); database_ && !room) return room;
  database_.reset();
  // An exchange that failed half way has left the replacement beside the name of what it replaces.
  if (Status finished = finish_interrupted(context_.env, paths_.root); !finished) return finished;
  if (Status opened = open(); !opened) return opened;
  write_failed_ = false;
  return database_ ? Status() : create();
}

Status ColdStore::create() {
  // What a crash has left of an earlier attempt holds nothing.
  if (Status removed = remove_tree(context_.env, paths_.cold()); !removed) return removed;
  auto created = Segment::create(context_, paths_.cold());
  if (!created) return created.error();
  database_ = std::move(*created);
  return {};
}

Status ColdStore::salvage() {
  if (running_) {
    if (Status room = check_room(context_, paths_.cold()); !room) return room;
  }
  database_.reset();
  auto aside = replace_database(
      context_, paths_.cold(), [this](const std::string& copy, Segment& target) -> Status {
        if (Status taken = take_sound_entries(context_, copy, target, sound_key); !taken) {
          return taken;
        }
        if (Status restored = restore_rows(target); !restored) return restored;
        return note_losses(target);
      });
  if (!aside) return aside.error();
  quarantined_.push_back(*aside);
  auto opened = Segment::open(context_, paths_.cold());
  if (!opened) return opened.error();
  database_ = std::move(*opened);
  write_failed_ = false;
  return load();
}

Status ColdStore::change(const std::function<Status()>& once) {
  Status changed = once();
  if (changed || !is_damage(changed.error())) return changed;
  Status salvaged = salvage();
  return salvaged ? once() : salvaged;
}

// The error may be that of an earlier table, which LevelDB wrote in the background, and which it
// keeps although there is room again. What is written twice is the same. Damage that its joining of
// tables has met does not go away by opening.
Status ColdStore::write(leveldb::WriteBatch& batch) {
  Status written = database_->append(batch);
  write_failed_ = !written;
  if (!written && !is_damage(written.error()) && make_ready()) {
    written = database_->append(batch);
    write_failed_ = !written;
  }
  measure();
  return written;
}

void ColdStore::measure() { bytes_ = directory_bytes(context_.env, paths_.cold()); }

std::vector<ColdRange> ColdStore::ranges() const {
  std::vector<ColdRange> ranges;
  ranges.reserve(ranges_.size());
  for (const auto& [first, known] : ranges_) ranges.push_back({first, known.last});
  return ranges;
}

std::optional<ColdRange> ColdStore::find(Sequence sequence) const {
  const auto after = ranges_.upper_bound(sequence);
  if (after == ranges_.begin()) return std::nullopt;
  const auto& [first, known] = *std::prev(after);
  return sequence <= known.last ? std::optional(ColdRange{first, known.last}) : std::nullopt;
}

Result<ColdRow> ColdStore::row_at(Sequence first) const {
  SegmentReader reader = database_->reader();
  const std::string key = cold_row_key(first);
  reader.seek(key);
  if (Status read = reader.status(); !read) return read.error();
  if (!reader.valid()) return {ErrorCode::kDamaged, "a row of cold/ is missing"};
  auto row = decode_cold_row(reader.value());
  if (row && row->first != first) return {ErrorCode::kDamaged, "a row of cold/ is missing"};
  return row;
}

Status ColdStore::delete_blocks(ColdRange range, leveldb::WriteBatch& batch) const {
  SegmentReader reader = database_->reader();
  for (reader.seek(range.first);
       reader.valid() && !is_row_key(reader) && reader.key() <= range.last; reader.next()) {
    batch.Delete(block_key(reader.key()));
  }
  return reader.status();
}

Status ColdStore::add(ColdRange range, bool begins, std::span<const SharedBlock> blocks) {
  return change([&] { return add_once(range, begins, blocks); });
}

Status ColdStore::forget(ColdRange range) {
  return change([&] { return forget_once(range); });
}

Status ColdStore::add_once(ColdRange range, bool begins, std::span<const SharedBlock> blocks) {
  if (Status ready = make_ready(); !ready) return ready;
  leveldb::WriteBatch batch;
  ColdRow row{range.first, range.last, {}};
  if (begins) {
    if (Status emptied = delete_blocks(range, batch); !emptied) return emptied;
  } else {
    auto known = row_at(range.first);
    if (!known) return known.error();
    row = std::move(*known);
  }
  for (const SharedBlock& block : blocks) {
    CAPSTAN_CHECK(range.first <= block->base && block->last() <= range.last);
    batch.Put(block_key(block->base), encode_thinned(*block, range));
    row.blocks.push_back({block->base, block->last()});
  }
  batch.Put(cold_row_key(row.first), encode_cold_row(row));
  if (Status written = write(batch); !written) return written;
  ranges_[row.first] = {row.last, !row.blocks.empty()};
  return {};
}

// Ranges of which nothing is kept and that adjoin become one: their number is that of the others.
Status ColdStore::forget_once(ColdRange range) {
  if (Status ready = make_ready(); !ready) return ready;
  leveldb::WriteBatch batch;
  if (Status emptied = delete_blocks(range, batch); !emptied) return emptied;
  ColdRange merged = range;
  std::vector<Sequence> replaced{range.first};
  const auto after = ranges_.find(range.last.plus(1));
  if (after != ranges_.end() && !after->second.holds_blocks) {
    merged.last = after->second.last;
    replaced.push_back(after->first);
  }
  const auto before = range.first.value > 1 ? find(Sequence{range.first.value - 1}) : std::nullopt;
  if (before && !ranges_.at(before->first).holds_blocks) {
    merged.first = before->first;
    replaced.push_back(before->first);
  }
  for (const Sequence& first : replaced) batch.Delete(cold_row_key(first));
  batch.Put(cold_row_key(merged.first), encode_cold_row({merged.first, merged.last, {}}));
  if (Status written = write(batch); !written) return written;
  for (const Sequence& first : replaced) ranges_.erase(first);
  ranges_[merged.first] = {merged.last, false};
  return {};
}

Result<std::optional<Gap>> ColdStore::listed(Sequence sequence) const {
  const auto range = find(sequence);
  if (!range || !ranges_.at(range->first).holds_blocks) return std::optional<Gap>();
  const auto row = row_at(range->first);
  if (!row) return row.error();
  for (const Gap& block : row->blocks) {
    if (block.first <= sequence && sequence <= block.last) return std::optional(block);
  }
  return std::optional<Gap>();
}

Result<SharedBlock> ColdStore::read_once(Sequence sequence) const {
  SegmentReader reader = database_->reader();
  reader.seek_at_or_before(sequence);
  if (Status read = reader.status(); !read) return read.error();
  if (reader.valid() && !is_row_key(reader)) {
    const auto entry = entry_at(reader, reader.key());
    if (!entry && !is_damage(entry.error())) return entry.error();
    const auto* block = entry ? std::get_if<StoredBlock>(&*entry) : nullptr;
    if (block != nullptr && block->header.last() >= sequence) return block->to_block();
  }
  const auto kept = listed(sequence);
  if (!kept) return kept.error();
  if (*kept) return lost(**kept);
  return {ErrorCode::kNotFound,
          "sequence " + std::to_string(sequence.value) + " was dropped, nothing needed it"};
}

Result<SharedBlock> ColdStore::read(Sequence sequence) {
  const Error dropped{ErrorCode::kNotFound,
                      "no segment holds sequence " + std::to_string(sequence.value)};
  if (ranges_.empty() || sequence < ranges_.begin()->first) return dropped;
  if (!database_) {
    // It could not be opened again after a write that had failed.
    if (Status ready = make_ready(); !ready) return Error{ErrorCode::kIo, ready.error().context};
  }
  auto block = read_once(sequence);
  if (block || block.error().code == ErrorCode::kIo) return block;
  // Its row is lost: then nobody knows whether it was kept.
  if (!find(sequence)) return lost({sequence, sequence});
  if (!is_damage(block.error())) return block;
  if (is_known_loss(*database_, sequence)) return block;
  if (Status salvaged = salvage(); !salvaged) return salvaged.error();
  return read_once(sequence);
}

Gap ColdStore::lost_at(Sequence sequence, Sequence end) const {
  if (!database_) return {sequence, Sequence{end.value - 1}};
  const auto kept = listed(sequence);
  if (kept && *kept) return **kept;
  for (const auto& range : ranges_) {
    if (range.first > sequence) end = std::min(end, range.first);
  }
  SegmentReader reader = database_->reader();
  reader.seek(sequence.plus(1));
  if (reader.valid() && !is_row_key(reader)) end = std::min(end, reader.key());
  return {sequence, Sequence{end.value - 1}};
}

Status ColdStore::walk(ColdRange range, const std::function<Status(const SharedBlock&)>& block,
                       const std::function<void(Gap)>& loss) {
  auto row = row_at(range.first);
  if (!row) return row.error();
  for (const Gap& kept : row->blocks) {
    auto read_block = read(kept.first);
    if (!read_block && !is_damage(read_block.error())) return read_block.error();
    if (!read_block) {
      loss(kept);
      continue;
    }
    if (Status taken = block(*read_block); !taken) return taken;
  }
  return {};
}

}  // namespace capstan
