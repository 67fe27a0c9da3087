// Stage 6: the record, its fold, and what follows when it is durable; then the commit as a whole.
#include <algorithm>

#include "batch.h"
#include "capstan/base/check.h"
#include "stages.h"

namespace capstan {

namespace {

/// While one commit is being synced, the next leaves once it is worth a sync of its own: the disk
/// stays busy, and small commits still gather.
constexpr std::uint64_t kSecondCommitBytesMin = 256 * 1024;
constexpr std::size_t kCommitsInFlightMax = 2;

/// The commit budget is divided among connections, but each session is granted the share, and a
/// grant from before others came is honoured: honest senders may have several budgets under way.
/// Beyond this many the disk stands still, or somebody attaches anew for every window.
constexpr std::uint64_t kCommitBudgetsMax = 4;

/// Commits with written mail let ids run so far ahead of the last commit that is durable: only then
/// may an id leave the hub before its own commit is. A start begins above what was let.
constexpr std::uint64_t kIdLeaseNs = 10 * kNsPerSecond;

std::uint64_t id_ceiling(const Core& core, const CommitConsequences& done) {
  const std::uint64_t needed = std::max(core.id_time_ceiling_ns, core.id_clock_ns);
  return done.holds_written ? std::max(needed, core.now.wall_ns + kIdLeaseNs) : needed;
}

bool may_leave(const Core& core) {
  if (core.in_flight.empty()) return true;
  return core.in_flight.size() < kCommitsInFlightMax &&
         core.builder.bytes() >= kSecondCommitBytesMin;
}

bool settlements_are_due(const Core& core) {
  return core.oldest_unsaved_ns != 0 &&
         core.now.monotonic_ns >= core.oldest_unsaved_ns + kSettleDelayNs;
}

/// Accepted as soon as it is on its way: there is nothing to wait for.
void pass_on_admitted(Core& core, const Admitted& admitted, Session& receiver) {
  const BatchItem& item = admitted.item();
  Session& session = *item.session;
  const EnvelopeId id = pass_on(core, receiver, session.agent, item.envelope);
  const std::uint64_t bytes = item.send.envelope.size();
  ++session.unaccepted.envelopes;
  session.unaccepted.bytes += bytes;
  add_accept(core.passed_on, session, item.send.number, id, bytes, receiver.agent);
  settle_number(core, session, item.send.number);
}

}  // namespace

void add_accept(std::vector<AcceptRun>& accepts, const Session& session, std::uint64_t number,
                const EnvelopeId& id, std::uint64_t bytes, const AgentId& passed_on_to) {
  if (!accepts.empty()) {
    AcceptRun& run = accepts.back();
    Accept& last = run.accept;
    if (run.connection == session.connection->id && last.session == session.id &&
        run.producer == ProducerId{session.agent, session.epoch} &&
        run.passed_on_to == passed_on_to && number == last.first_number + last.count &&
        id == last.first_id.plus(last.count)) {
      ++last.count;
      run.bytes += bytes;
      return;
    }
  }
  accepts.push_back({session.connection->id,
                     {session.agent, session.epoch},
                     Accept{session.id, number, 1, id, {}},
                     bytes,
                     passed_on_to});
}

void commit(Core& core, const Admitted& admitted) {
  if (admitted.receiver() != nullptr) {
    return pass_on_admitted(core, admitted, *admitted.receiver());
  }
  BatchItem& item = admitted.item();
  Session& session = *item.session;
  // Before any number that comes after them: a crash leaves no more holes than sessions.
  save_numbers(core, session);
  if (admitted.mailbox() == nullptr) {
    add_record(core, SkippedRecord{{session.agent, session.epoch}, item.send.number});
    core.reply(*session.connection,
               Accept{session.id, item.send.number, 1, EnvelopeId{}, core.window});
    return;
  }
  const EnvelopeId id = store_envelope(core, *admitted.mailbox(), admitted.channel(), session.agent,
                                       item.envelope, session.epoch, item.send.number);
  const std::uint64_t bytes = item.send.envelope.size();
  ++session.unaccepted.envelopes;
  session.unaccepted.bytes += bytes;
  const bool written = admitted.durability() == Durability::kWritten;
  add_accept(written ? core.building.written_accepts : core.building.accepts, session,
             item.send.number, id, bytes);
  core.building.holds_written |= written;
}

EnvelopeId store_envelope(Core& core, Mailbox& mailbox, const ChannelId& channel,
                          const AgentId& sender, const EnvelopeView& view, std::uint64_t epoch,
                          std::uint64_t number) {
  begin_commit(core);
  const Bytes envelope = view.bytes();
  const EnvelopeRecord record{mailbox.next, epoch, number, {}, envelope, view.priority()};
  StoredEnvelope stored;
  stored.sequence = core.builder.next();
  Block& block =
      core.builder.add_record(kEnvelopeRecordHeaderBytes + envelope.size(), core.now.wall_ns);
  const std::size_t offset = encode_record(record, block.records);
  stored.id = EnvelopeId::make(core.id_clock_ns, 0, stored.sequence);
  stored.channel = channel;
  stored.sender = sender;
  stored.expires_s = expiry_of(core.now.wall_ns, view.ttl_seconds());
  stored.idempotency_key = view.idempotency_key();
  stored.block = block.base;
  stamp_envelope(block.records.data() + offset, stored.id, core.now.wall_ns, channel, sender);
  core.state.apply_envelope(mailbox, record, stored);
  const AgentId owner = owner_of_mailbox(channel);
  if (stored.expires_s != 0) plan_expiry(core, core.inbox_of(owner), stored.expires_s);
  if (core.building.last_touched != owner) {
    core.building.last_touched = owner;
    core.building.touched.insert(owner);
  }
  return stored.id;
}

void add_encoded_record(Core& core, const ByteBuffer& record) {
  begin_commit(core);
  const Sequence sequence = core.builder.next();
  Block& block = core.builder.add_record(record.size(), core.now.wall_ns);
  const std::size_t offset = block.records.size();
  append(block.records, record);
  RecordReader reader(block, offset, sequence);
  const auto view = reader.next();
  CAPSTAN_CHECK(view.has_value());
  const Status applied = core.state.apply(*view, block.base);
  CAPSTAN_CHECK(applied.ok());
}

bool commits_are_full(const Core& core) {
  std::uint64_t bytes = core.builder.bytes_behind_snapshot();
  for (const CommitConsequences& commit : core.in_flight) bytes += commit.bytes;
  return bytes >= kCommitBudgetsMax * core.config.commit_budget_bytes;
}

std::optional<std::uint64_t> next_settlement_ns(const Core& core) {
  if (core.oldest_unsaved_ns == 0 || !may_leave(core)) return std::nullopt;
  return core.oldest_unsaved_ns + kSettleDelayNs;
}

void emit_commit(Core& core) {
  if (core.builder.empty() && !settlements_are_due(core)) return;
  if (!may_leave(core)) return;
  settle_acknowledged(core);
  if (core.builder.empty()) return;
  checkpoint_if_due(core);
  CommitConsequences& done = core.building;
  const std::uint64_t bytes = core.builder.bytes();
  done.number = core.next_commit;
  done.bytes = core.builder.bytes_behind_snapshot();
  done.last = core.state.applied();
  const auto snapshot_blocks = static_cast<std::ptrdiff_t>(core.builder.snapshot_blocks());
  std::vector<SharedBlock> blocks = core.builder.take();
  done.blocks.assign(blocks.begin() + snapshot_blocks, blocks.end());
  done.id_clock_ns = core.id_clock_ns;
  done.id_time_ceiling_ns = core.id_time_ceiling_ns = id_ceiling(core, done);
  const bool opens_segment = std::exchange(core.opens_segment, false);
  core.open_segment_bytes += bytes;
  core.bytes_since_snapshot += bytes;
  core.bytes_since_checkpoint += bytes;
  ++core.next_commit;
  ++core.counters.commits;
  core.effects->push_back(WriteCommit{Commit{done.number, done.id_time_ceiling_ns, opens_segment,
                                             std::move(blocks), done.holds_written}});
  core.in_flight.push_back(std::move(core.building));
  core.building = {};
}

}  // namespace capstan
