#include "recovery.h"

#include <algorithm>
#include <utility>

#include "salvage.h"

namespace capstan {

namespace {

bool is_damage(const Error& error) { return error.code == ErrorCode::kDamaged; }

Error no_state(const DataPaths& paths) {
  return {ErrorCode::kDamaged,
          paths.root +
              ": neither the checkpoint of the state nor a snapshot is readable; restore a backup"};
}

Error no_segments(const DataPaths& paths, Sequence last) {
  return {ErrorCode::kDamaged,
          paths.journal() + " holds no segment, but the hub has written records up to " +
              std::to_string(last.value) +
              "; is the folder mounted, and was all of it restored? Put the segments back, or, to "
              "count everything in them as lost, make an empty folder " +
              paths.segment(last)};
}

}  // namespace

Recovery::Recovery(const DatabaseContext& context, const DataPaths& paths, SegmentSet& segments,
                   ColdStore& cold, std::optional<Witness> witness, RecoverySink& sink,
                   Replay replay)
    : context_(context),
      paths_(paths),
      segments_(segments),
      cold_(cold),
      witness_(witness),
      sink_(sink),
      replay_(replay) {}

Result<RecoveredJournal> Recovery::run() {
  if (witness_) {
    summary_.last_commit = witness_->commit;
    summary_.id_time_ceiling_ns = witness_->id_time_ceiling_ns;
  }
  if (Status opened = open_state(); !opened) return opened.error();
  if (Status clean = remove_unborn_segments(); !clean) return clean.error();
  if (Status present = check_segments_present(); !present) return present.error();
  const bool checkpointed = state_->mark().checkpoint != 0;
  if (Status chosen = checkpointed ? deliver_rows() : begin_without_rows(); !chosen)
    return chosen.error();
  if (Status replayed = replay(); !replayed) return replayed.error();
  summary_.segments = segments_.firsts();
  for (const ColdRange& range : cold_.ranges()) summary_.cold.push_back({range.first, range.last});
  summary_.quarantined.insert(summary_.quarantined.end(), cold_.quarantined().begin(),
                              cold_.quarantined().end());
  return RecoveredJournal{std::move(summary_), std::move(state_), newest_checksum_};
}

Status Recovery::open_state() {
  auto state = StateDb::open(context_, paths_.state());
  if (!state && is_damage(state.error())) {
    auto aside = quarantine(context_.env, paths_.state());
    if (!aside) return aside.error();
    summary_.quarantined.push_back(*aside);
    state = StateDb::open(context_, paths_.state());
  }
  if (!state) return state.error();
  state_ = std::move(*state);
  const StateMark& mark = state_->mark();
  summary_.applied = mark.applied;
  summary_.last_commit = std::max(summary_.last_commit, mark.last_commit);
  summary_.id_time_ceiling_ns = std::max(summary_.id_time_ceiling_ns, mark.id_time_ceiling_ns);
  return {};
}

// The open segment is never dropped: a journal without any was not mounted, or not restored, and
// that must not be taken for the loss of everything. Without a state nobody could go on from it.
Status Recovery::check_segments_present() const {
  const bool missing = segments_.firsts().empty() && known_last() > Sequence{};
  if (!missing || replay_ == Replay::kEverything) return {};
  return state_->mark().checkpoint != 0 ? no_segments(paths_, known_last()) : no_state(paths_);
}

Status Recovery::deliver_rows() {
  return state_->rows([this](Bytes key, Bytes value) { return sink_.row(key, value); });
}

// A check of everything needs no state to begin from.
Status Recovery::begin_without_rows() {
  return replay_ == Replay::kNeeded ? choose_snapshot() : Status();
}

Status Recovery::choose_snapshot() {
  const std::vector<Sequence> firsts = segments_.firsts();
  // Behind a segment that was dropped nothing may begin: what it said is in no replay any more.
  bool adjoins = true;
  for (auto first = firsts.rbegin(); first != firsts.rend(); ++first) {
    adjoins = first == firsts.rbegin() || segments_.last_of(*first).plus(1) == *std::prev(first);
    if (!adjoins) break;
    const auto begin = snapshot_at_head(*first);
    if (!begin) return begin.error();
    if (!begin->has_value()) continue;
    summary_.applied = Sequence{(*begin)->value - 1};
    summary_.state_from_snapshot = true;
    return {};
  }
  if (firsts.empty() || (firsts.front() == Sequence{1} && adjoins)) return {};
  return no_state(paths_);
}

// A snapshot counts only when all of its commit is there.
Result<std::optional<Sequence>> Recovery::snapshot_at_head(Sequence first) {
  const std::optional<Sequence> none;
  auto segment = open_or_salvage(first);
  if (!segment) return segment.error();
  SegmentReader reader = (*segment)->reader();
  Sequence expected = first;
  Sequence end = first;
  for (reader.seek(first); reader.valid() && expected <= end; reader.next()) {
    const auto entry = reader.entry();
    if (!entry && !is_damage(entry.error())) return entry.error();
    const auto* block = entry ? std::get_if<StoredBlock>(&*entry) : nullptr;
    if (block == nullptr || block->header.base != expected) return none;
    if (expected == first && !block->header.snapshot_begins) return none;
    end = block->header.commit_last;
    expected = block->header.last().plus(1);
  }
  if (Status read = reader.status(); !read && !is_damage(read.error())) return read.error();
  return expected > end ? std::optional(first) : none;
}

// A crash can leave a segment whose first commit was never durable. Nothing was promised about it,
// unless the witness knows better.
Status Recovery::remove_unborn_segments() {
  while (true) {
    const std::vector<Sequence> firsts = segments_.firsts();
    if (firsts.empty() || known_last() >= firsts.back()) return {};
    const Sequence first = firsts.back();
    if (holds_data(context_.env, paths_.segment(first))) {
      auto segment = open_or_salvage(first);
      if (!segment) return segment.error();
      SegmentReader reader = (*segment)->reader();
      reader.seek(Sequence{});
      if (reader.valid() || !reader.status()) return {};
    }
    if (Status destroyed = segments_.destroy(first); !destroyed) return destroyed;
  }
}

Status Recovery::replay() {
  const std::vector<Sequence> firsts = segments_.firsts();
  next_ = summary_.applied.plus(1);
  // What stood before the oldest segment was dropped, or else the state says that it is missing.
  if (replay_ == Replay::kEverything && !firsts.empty()) {
    next_ = firsts.front();
    if (!cold_.empty()) next_ = std::min(next_, cold_.ranges().front().first);
  }
  const auto after = std::upper_bound(firsts.begin(), firsts.end(), next_);
  const auto begin = after == firsts.begin() ? after : std::prev(after);
  if (begin != firsts.end()) {
    if (Status started = start_at(*begin); !started) return started;
  }
  for (auto first = begin; first != firsts.end(); ++first) {
    if (Status passed = pass_to(*first); !passed) return passed;
    if (Status done = replay_segment(*first, expected_end(*first)); !done) return done;
  }
  // Without any segment there is no place for a gap row; the first one to come begins after the
  // loss.
  if (next_ <= known_last()) take_gap({next_, known_last()});
  summary_.last_sequence = Sequence{next_.value - 1};
  summary_.witness = judge_witness();
  if (summary_.witness == WitnessVerdict::kDisagrees) summary_.chain_breaks.push_back(last_base_);
  return {};
}

WitnessVerdict Recovery::judge_witness() const {
  if (!witness_) return WitnessVerdict::kNone;
  if (witness_->last < summary_.last_sequence) return WitnessVerdict::kOlder;
  if (!last_checksum_) return WitnessVerdict::kTailLost;
  return witness_->checksum == *last_checksum_ ? WitnessVerdict::kAgrees
                                               : WitnessVerdict::kDisagrees;
}

// Two walks at most: damage met on the way replaces the segment, and the second goes on from there.
Status Recovery::replay_segment(Sequence first, std::optional<Sequence> last) {
  {
    auto segment = open_or_salvage(first);
    if (!segment) return segment.error();
    Status walked = walk(**segment, last);
    if (walked || !is_damage(walked.error())) return walked;
  }
  if (Status salvaged = salvage(first); !salvaged) return salvaged;
  auto rebuilt = segments_.get(first);
  if (!rebuilt) return rebuilt.error();
  return walk(**rebuilt, last);
}

// The replay begins with the block that holds the first record it needs, or with the one before.
Status Recovery::start_at(Sequence first) {
  if (next_ < first) return {};
  auto segment = open_or_salvage(first);
  if (!segment) return segment.error();
  SegmentReader reader = (*segment)->reader();
  reader.seek_at_or_before(next_);
  next_ = reader.valid() ? std::max(first, reader.key()) : first;
  return {};
}

Status Recovery::walk(Segment& segment, std::optional<Sequence> last) {
  SegmentReader reader = segment.reader();
  for (reader.seek(next_); reader.valid(); reader.next()) {
    const Sequence key = reader.key();
    if (key < next_ || (last && key > *last))
      return {ErrorCode::kDamaged, "segment: overlapping blocks"};
    const auto entry = reader.entry();
    if (!entry) return entry.error();
    if (key > next_) {
      const Gap gap{next_, Sequence{key.value - 1}};
      if (Status noted = segment.put_gap(gap); !noted) return noted;
      take_gap(gap);
    }
    if (Status taken = take(*entry); !taken) return taken;
  }
  if (Status read = reader.status(); !read) return read;
  return close_tail(segment, last ? *last : std::max(known_last(), commit_last_));
}

Status Recovery::close_tail(Segment& segment, Sequence last) {
  if (next_ > last) return {};
  const Gap gap{next_, last};
  if (Status noted = segment.put_gap(gap); !noted) return noted;
  take_gap(gap);
  return {};
}

Status Recovery::take(const SegmentEntry& entry) {
  if (const auto* block = std::get_if<StoredBlock>(&entry)) return take_block(*block);
  take_gap(std::get<Gap>(entry));
  return {};
}

Status Recovery::take_block(const StoredBlock& block) {
  const BlockHeader& header = block.header;
  if (last_checksum_ && *last_checksum_ != header.previous_checksum) {
    summary_.chain_breaks.push_back(header.base);
  }
  next_ = header.last().plus(1);
  last_base_ = header.base;
  last_checksum_ = header.checksum;
  newest_checksum_ = header.checksum;
  commit_last_ = header.commit_last;
  summary_.last_commit = std::max(summary_.last_commit, header.commit);
  summary_.id_time_ceiling_ns = std::max(summary_.id_time_ceiling_ns, header.id_time_ceiling_ns);
  if (replay_ == Replay::kNeeded && header.last() <= summary_.applied) return {};
  ++summary_.replayed_blocks;
  return sink_.block(block.to_block());
}

void Recovery::take_gap(Gap gap) {
  const bool adjoins = !summary_.gaps.empty() && summary_.gaps.back().last.plus(1) == gap.first;
  if (adjoins) {
    summary_.gaps.back().last = gap.last;
  } else {
    summary_.gaps.push_back(gap);
  }
  next_ = gap.last.plus(1);
  last_checksum_.reset();
}

Result<std::shared_ptr<Segment>> Recovery::open_or_salvage(Sequence first) {
  auto segment = segments_.get(first);
  if (segment || !is_damage(segment.error())) return segment;
  if (Status salvaged = salvage(first); !salvaged) return salvaged.error();
  return segments_.get(first);
}

Status Recovery::salvage(Sequence first) {
  segments_.close(first);
  auto aside = salvage_segment(context_, paths_, first, expected_end(first), known_last());
  if (!aside) return aside.error();
  summary_.quarantined.push_back(*aside);
  segments_.measure(first);
  return {};
}

std::optional<Sequence> Recovery::expected_end(Sequence first) const {
  if (segments_.firsts().back() == first) return std::nullopt;
  return segments_.last_of(first);
}

// What stands before a segment and in no other was dropped, as cold/ knows, or else it is lost.
Status Recovery::pass_to(Sequence first) {
  for (const ColdRange& range : cold_.ranges()) {
    if (range.last < next_) continue;
    if (range.first >= first || next_ >= first) break;
    if (range.first > next_) take_gap({next_, Sequence{range.first.value - 1}});
    if (Status walked = walk_cold(range); !walked) return walked;
    next_ = std::min(range.last.plus(1), first);
    last_checksum_.reset();
  }
  if (next_ < first) take_gap({next_, Sequence{first.value - 1}});
  return {};
}

Status Recovery::walk_cold(const ColdRange& range) {
  if (replay_ != Replay::kEverything) return {};
  return cold_.walk(
      range,
      [this](const SharedBlock& block) {
        ++summary_.replayed_blocks;
        return sink_.block(block);
      },
      [this](Gap gap) { summary_.gaps.push_back(gap); });
}

Sequence Recovery::known_last() const {
  return std::max(summary_.applied, witness_ ? witness_->last : Sequence{});
}

}  // namespace capstan
