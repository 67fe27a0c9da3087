#include "hub_world.h"

#include <algorithm>
#include <utility>

namespace capstan::core_test {

namespace {

HubFrame decode(Bytes bytes) {
  if (const auto accept = decode_accept(bytes)) return *accept;
  if (const auto notify = decode_notify(bytes)) {
    const auto envelope = decode_envelope(notify->envelope);
    EXPECT_TRUE(envelope.ok());
    return Notified{notify->session, notify->delivery, notify->attempt, notify->position,
                    envelope.ok() ? *envelope : Envelope{}};
  }
  const auto control = decode_control(bytes);
  EXPECT_TRUE(control.ok()) << to_hex(bytes);
  HubFrame frame;
  if (!control) return frame;
  std::visit(
      [&](const auto& typed) {
        if constexpr (std::is_constructible_v<HubFrame, decltype(typed)>) {
          frame = typed;
        } else {
          ADD_FAILURE() << "a frame that no hub sends";
        }
      },
      *control);
  return frame;
}

struct KindOf {
  std::string operator()(const Welcome&) const { return "welcome"; }
  std::string operator()(const Presence&) const { return "presence"; }
  std::string operator()(const Accept&) const { return "accept"; }
  std::string operator()(const Notified&) const { return "notify"; }
  std::string operator()(const ErrorFrame&) const { return "error"; }
  std::string operator()(const Pong&) const { return "pong"; }
  std::string operator()(const Response&) const { return "response"; }
  std::string operator()(const Bye&) const { return "bye"; }
};

}  // namespace

AdmittedKey key_of(const std::string& name, std::vector<std::string> names) {
  AdmittedKey key;
  key.name = name;
  for (std::size_t i = 0; i < key.key.size(); ++i) {
    key.key[i] = static_cast<std::uint8_t>(std::hash<std::string>{}(name) >> (i % 8 * 8)) | 1U;
  }
  key.names = names.empty() ? std::vector<std::string>{name} : std::move(names);
  return key;
}

HubConfig quiet_config() {
  HubConfig config;
  config.checkpoint_interval_ms = 1'000'000'000;
  return config;
}

// ---- Peer ----

std::vector<std::string> Peer::take_texts() {
  std::vector<std::string> texts;
  for (const Notified& notified : take<Notified>()) texts.push_back(notified.text());
  return texts;
}

std::vector<ErrorCode> Peer::take_errors() {
  std::vector<ErrorCode> codes;
  for (const ErrorFrame& error : take<ErrorFrame>()) codes.push_back(error.code);
  return codes;
}

std::vector<std::string> Peer::take_kinds() {
  std::vector<std::string> kinds;
  for (const HubFrame& frame : heard_) kinds.push_back(std::visit(KindOf{}, frame));
  heard_.clear();
  return kinds;
}

// ---- World: peers ----

World::World(const HubConfig& hub_config, const std::vector<std::string>& agents)
    : config(hub_config) {
  start(State());
  std::vector<AdmittedKey> keys;
  for (const std::string& agent : agents) keys.push_back(key_of(agent));
  tell(KeysChanged{keys});
  commit();
}

void World::start(State state) {
  HubStart start;
  start.seed = 42;
  start.boot.bytes.fill(0xb0);
  start.boot.bytes.back() = static_cast<std::uint8_t>(0xb0 + starts_++);
  start.version = "test";
  start.last_commit = last_commit_;
  start.last_sequence = last_sequence_;
  start.id_time_ceiling_ns = durable.empty() ? 0 : durable.back().id_time_ceiling_ns;
  start.gaps = gaps_at_start;
  start.checkpointed = checkpointed_at_start;
  start.chain_breaks = chain_breaks_at_start;
  start.cold_originals = cold_originals_at_start;
  Effects effects;
  hub_ = std::make_unique<Hub>(config, std::move(state), start, now, effects);
  take(effects);
}

Peer& World::open(const std::string& key, std::vector<std::string> names, AgentRole role) {
  auto peer = std::make_unique<Peer>();
  peer->id_ = ConnectionId{next_connection_++, 1};
  Peer& opened = *peer;
  peers_[peer->id_] = std::move(peer);
  AdmittedKey identity = key_of(key, std::move(names));
  identity.role = role;
  tell(PeerOpened{opened.id(), std::move(identity), false});
  return opened;
}

Peer& World::connect(const std::string& key, std::vector<std::string> names, AgentRole role) {
  Peer& peer = open(key, std::move(names), role);
  say(peer, Hello{1, 0, {}, "test"});
  (void)peer.take_one<Welcome>();
  return peer;
}

Peer& World::connect_any_key() {
  auto peer = std::make_unique<Peer>();
  peer->id_ = ConnectionId{next_connection_++, 1};
  Peer& opened = *peer;
  peers_[peer->id_] = std::move(peer);
  tell(PeerOpened{opened.id(), AdmittedKey{"anybody", {}, {}, AgentRole::kAgent}, true});
  say(opened, Hello{1, 0, {}, "test"});
  (void)opened.take_one<Welcome>();
  return opened;
}

Response World::attach(Peer& peer, const std::string& agent, const Binding& binding) {
  Attach attach;
  attach.request_id = next_request_++;
  attach.session = binding.session;
  attach.agent = agent;
  attach.mode = binding.mode;
  attach.since = binding.since;
  attach.credit_until = binding.credit_until;
  attach.credit_bytes = binding.credit_bytes;
  attach.epoch = binding.epoch;
  attach.first_number = binding.first_number;
  say(peer, attach);
  commit();
  Response response = peer.take_one<Response>();
  EXPECT_EQ(response.request_id, attach.request_id);
  return response;
}

// ---- World: frames ----

Envelope World::envelope(const std::string& to, const std::string& text) const {
  Envelope envelope;
  envelope.channel_id = mailbox_of(id(to));
  envelope.event_data = encode_text_event(text);
  return envelope;
}

ByteBuffer World::envelope_bytes(const std::string& to, const std::string& text) const {
  ByteBuffer bytes;
  encode_envelope(envelope(to, text), bytes);
  return bytes;
}

void World::send(Peer& peer, std::uint64_t number, const std::string& to, const std::string& text,
                 SessionId session) {
  send(peer, number, envelope(to, text), session);
}

void World::send(Peer& peer, std::uint64_t number, const Envelope& content, SessionId session) {
  ByteBuffer bytes;
  encode_envelope(content, bytes);
  say(peer, SendView{session, number, bytes});
}

void World::skip(Peer& peer, std::uint64_t number, SessionId session) {
  say(peer, SendView{session, number, {}});
}

void World::ack(Peer& peer, const EnvelopeId& envelope_id, SessionId session) {
  say(peer, Receipt{session, ReceiptKind::kAck, 0, envelope_id, 0});
}

void World::ack_up_to(Peer& peer, std::uint64_t delivery, SessionId session) {
  say(peer, Receipt{session, ReceiptKind::kAckUpTo, delivery, {}, 0});
}

Response World::request(Peer& peer, const std::string& operation, const ParamMap& params) {
  say(peer, Request{next_request_++, operation, encode_params(params)});
  commit();
  return peer.take_one<Response>();
}

// ---- World: the outside ----

void World::tell(const std::vector<Event>& events) {
  Effects effects;
  hub_->handle(now, events, effects);
  take(effects);
}

void World::pass_ms(std::uint64_t ms) {
  now.monotonic_ns += ms * kNsPerMs;
  now.wall_ns += ms * kNsPerMs;
  tell(Tick{});
}

void World::commit_one() {
  ASSERT_FALSE(commits.empty());
  Commit commit = std::move(commits.front());
  commits.pop_front();
  for (const SharedBlock& block : commit.blocks) disk[block->base] = block;
  const CommitNumber number = commit.number;
  durable.push_back(std::move(commit));
  tell(Committed{number});
}

void World::commit() {
  while (!commits.empty()) commit_one();
}

void World::answer_reads() {
  while (!reads.empty()) {
    const ReadBlocks read = std::move(reads.front());
    reads.pop_front();
    ReadDone done{read.read, {}, std::nullopt};
    for (const Sequence sequence : read.bases) {
      const auto after = disk.upper_bound(sequence);
      ASSERT_NE(after, disk.begin()) << "no block holds " << sequence.value;
      const SharedBlock& block = std::prev(after)->second;
      ASSERT_LE(sequence, block->last()) << "no block holds " << sequence.value;
      done.blocks.push_back(block);
    }
    tell(done);
  }
}

void World::fail_read(ErrorCode code) {
  ASSERT_FALSE(reads.empty());
  const ReadId id = reads.front().read;
  reads.pop_front();
  tell(ReadDone{id, {}, Error{code, "test"}});
}

void World::store_cold() {
  while (!cold_parts.empty()) {
    const ColdPart part = std::move(cold_parts.front());
    cold_parts.pop_front();
    for (const SharedBlock& block : part.blocks) cold[block->base] = block;
    tell(ColdPartStored{part.segment, std::nullopt});
  }
}

void World::replace_by_cold() {
  for (const Sequence& first : std::exchange(cold_drops, {})) {
    const auto next = state().segments().upper_bound(first);
    const Sequence end = next->first;
    disk.erase(disk.lower_bound(first), disk.lower_bound(end));
    disk.insert(cold.lower_bound(first), cold.lower_bound(end));
    tell(SegmentDropped{first, std::nullopt, true});
  }
}

void World::checkpoint() {
  while (!checkpoints.empty()) {
    const Checkpoint written = std::move(checkpoints.front());
    checkpoints.pop_front();
    // As the journal does it: in one batch, the deletes after the puts.
    for (const StateRow& row : written.puts) rows[row.key] = row.value;
    for (const std::string& key : written.deletes) rows.erase(key);
    applied = written.applied;
    tell(CheckpointDone{written.applied, std::nullopt});
  }
}

void World::settle_all() {
  while (!commits.empty() || !reads.empty() || !checkpoints.empty()) {
    commit();
    answer_reads();
    checkpoint();
  }
}

State World::recovered() const {
  State state;
  for (const auto& [key, value] : rows) {
    const Status loaded = state.load_row(as_bytes(key), as_bytes(value));
    EXPECT_TRUE(loaded.ok());
  }
  state.set_applied(applied);
  for (const Commit& commit : durable) {
    for (const SharedBlock& block : commit.blocks) {
      const Status replayed = state.apply(*block);
      EXPECT_TRUE(replayed.ok());
    }
  }
  return state;
}

void World::restart() {
  commits.clear();
  reads.clear();
  checkpoints.clear();
  peers_.clear();
  last_commit_ = durable.back().number;
  last_sequence_ = durable.back().blocks.back()->last();
  for (const Gap& gap : gaps_at_start) last_sequence_ = std::max(last_sequence_, gap.last);
  start(recovered());
  commit();
}

// ---- World: looking ----

AgentId World::id(const std::string& agent) const {
  const AgentRecord* record = state().find_agent(agent);
  EXPECT_NE(record, nullptr) << agent;
  return record == nullptr ? AgentId{} : record->id;
}

const Mailbox& World::mailbox(const std::string& agent) const {
  return state().mailboxes().at(mailbox_of(id(agent)));
}

std::uint64_t World::counter(const std::string& name) {
  Peer& admin = connect("operator", {}, AgentRole::kAdmin);
  const Response response = request(admin, "status");
  close(admin);
  const auto result = decode_params(response.result);
  if (!result || !result->number(name)) {
    ADD_FAILURE() << "status has no number " << name;
    return 0;
  }
  return *result->number(name);
}

std::vector<RecordView> World::records() const {
  std::vector<RecordView> views;
  const auto read = [&](const Commit& commit) {
    for (const SharedBlock& block : commit.blocks) {
      RecordReader reader(*block);
      while (const auto record = reader.next()) views.push_back(*record);
    }
  };
  for (const Commit& commit : durable) read(commit);
  for (const Commit& commit : commits) read(commit);
  return views;
}

std::size_t World::count_records(RecordType type) const {
  const auto views = records();
  return static_cast<std::size_t>(std::count_if(
      views.begin(), views.end(), [&](const RecordView& view) { return view.type == type; }));
}

bool World::audited(const std::string& event) const {
  return std::any_of(audits.begin(), audits.end(),
                     [&](const Audit& audit) { return audit.event == event; });
}

void World::take(Effects& effects) {
  for (Effect& effect : effects) std::visit([this](auto& typed) { perform(typed); }, effect);
}

void World::perform(SendBody& send) {
  const auto peer = peers_.find(send.connection);
  ASSERT_NE(peer, peers_.end());
  EXPECT_FALSE(send.body.empty());
  body_bytes_max = std::max(body_bytes_max, send.body.size());
  FrameRow row(send.body);
  while (const auto frame = row.next()) peer->second->heard_.push_back(decode(*frame));
  EXPECT_TRUE(row.well_formed());
}

// What the journal demands of commits holds in every test.
void World::perform(WriteCommit& write) {
  ASSERT_FALSE(write.commit.blocks.empty());
  EXPECT_EQ(write.commit.number, last_commit_.plus(1));
  last_commit_ = write.commit.number;
  for (const SharedBlock& block : write.commit.blocks) {
    EXPECT_EQ(block->base, last_sequence_.plus(1));
    RecordReader reader(*block);
    std::uint32_t count = 0;
    while (reader.next()) ++count;
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(count, block->record_count);
    EXPECT_TRUE(block->records.size() <= kBlockBytesMax || count == 1);
    last_sequence_ = block->last();
  }
  commits.push_back(std::move(write.commit));
}

}  // namespace capstan::core_test
