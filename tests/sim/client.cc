#include "client.h"

#include <algorithm>
#include <utility>

#include "capstan/codec/compact.h"
#include "capstan/codec/params.h"

namespace capstan::sim {

Client::Client(Common common, Network& network, const KeyPlan& key, bool receives,
               std::uint64_t seed)
    : common_(common), network_(network), key_(key), receives_(receives), random_(seed) {}

void Client::start() {
  if (!ended_) return;
  ++life_;
  ended_ = false;
  reconnecting_ = false;
  connected_before_ = false;
  works_.clear();
  registrations_.clear();
  engine_ = std::make_unique<ClientEngine>(EngineOptions{}, random_.next());
  if (receives_) {
    for (const std::size_t agent : key_.agents) open_session(agent, true);
  } else {
    const auto one = static_cast<std::size_t>(random_.below(key_.agents.size()));
    open_session(key_.agents[one], false);
  }
  if (random_.one_in(2)) post_again(*works_.front());
  // One that is being removed may be refused.
  if (!leaves() && random_.one_in(2)) register_somebody();
  if (random_.one_in(4)) engine_->watch_presence(true);
  connect();
  plan_post();
}

void Client::open_session(std::size_t agent, bool receives) {
  SessionOptions options;
  options.agent = common_.plan.agents[agent];
  options.mode = receives ? AttachMode::kReceive : AttachMode::kPost;
  options.wait_when_full = calm_ || !random_.one_in(3);
  options.credit_envelopes = std::uint64_t{1} << random_.below(10);
  options.credit_bytes = std::uint64_t{1024} << random_.below(10);
  auto work = std::make_unique<Work>();
  work->id = engine_->attach(options);
  work->agent = agent;
  work->stream = random_.next();
  work->receives = receives;
  work->receipts = calm_ ? Receipts::kAtOnce : static_cast<Receipts>(random_.below(4));
  works_.push_back(std::move(work));
}

void Client::connect() {
  reconnecting_ = false;
  wire_ = network_.connect(*this, key_);
}

void Client::reconnect_later() {
  if (ended_ || reconnecting_) return;
  reconnecting_ = true;
  common_.schedule.after(backoff_.next_ns(random_), [this, life = life_] {
    if (life == life_ && !ended_) connect();
  });
}

void Client::end_life(std::uint64_t back_after_ns) {
  ++life_;
  ended_ = true;
  if (wire_ != nullptr) network_.close(std::exchange(wire_, nullptr));
  for (const auto& work : works_) {
    for (const Tag tag : work->tags) {
      if (tag == 0) continue;
      common_.auditor.abandoned(tag);
      ++unanswered_;
    }
  }
  if (left_) return;
  common_.schedule.after(back_after_ns, [this, life = life_] {
    if (life == life_ && !left_) start();
  });
}

void Client::crash() {
  if (left_ || ended_) return;
  common_.trace.note("client crash", {life_});
  common_.counts.add(Count::kClientCrashes);
  end_life(random_.below(kNsPerSecond));
}

void Client::leave() {
  left_ = true;
  end_life(0);
}

void Client::calm() {
  calm_ = true;
  if (left_) return;
  // A session that was superseded is missed by nobody else in the healed world.
  const bool lost_one = receives_ && std::any_of(works_.begin(), works_.end(),
                                                 [](const auto& work) { return work->over; });
  if (ended_ || lost_one) {
    end_life(0);
    return;
  }
  for (const auto& work : works_) {
    work->receipts = Receipts::kAtOnce;
    plan_receipt(*work);
  }
}

std::string Client::describe() const {
  std::string text = "client of " + key_.key.name + (receives_ ? " receiving" : " posting") +
                     (ended_ ? ", ended" : "") + (wire_ == nullptr ? ", no link" : ", linked");
  if (wire_ != nullptr && wire_->connection) {
    text += " as " + std::to_string(wire_->connection->generation);
  }
  for (const auto& work : works_) {
    text += "; session " + std::to_string(work->id) + (work->over ? " over" : "") + " holds " +
            std::to_string(work->held.size()) + ", unanswered " +
            std::to_string(work->tags.size()) + " from number " + std::to_string(work->next_number);
  }
  return text;
}

// ---- What the link brings

void Client::link_up() {
  if (connected_before_) common_.counts.add(Count::kReconnects);
  connected_before_ = true;
  engine_->connected(common_.schedule.now());
  pump();
}

void Client::link_body(const ByteBuffer& body) {
  note_refusals(body);
  engine_->body(common_.schedule.now(), body);
  pump();
}

void Client::link_down() {
  wire_ = nullptr;
  engine_->disconnected(common_.schedule.now(), {ErrorCode::kUnavailable, "the link broke"});
  reconnect_later();
  pump();
}

void Client::note_refusals(const ByteBuffer& body) {
  FrameRow row(body);
  while (const auto frame = row.next()) {
    if (peek_type(*frame) != static_cast<std::uint8_t>(FrameType::kError)) continue;
    const auto control = decode_control(*frame);
    if (!control) continue;
    const auto& error = std::get<ErrorFrame>(*control);
    if (error.code == ErrorCode::kDiskFull) common_.counts.add(Count::kDiskFullRefusals);
    Work* work = error.about == FrameType::kSend ? find(error.session) : nullptr;
    if (work == nullptr) continue;
    work->refused.insert(error.reference);
    if (error.code == ErrorCode::kNotDelivered) work->not_delivered.insert(error.reference);
  }
}

// ---- What the application does

void Client::pump() {
  Outputs out;
  engine_->flush(common_.schedule.now(), out);
  for (ByteBuffer& body : out.bodies) {
    if (wire_ != nullptr) network_.send_to_hub(wire_, std::move(body));
  }
  const std::uint64_t life = life_;
  for (const ClientEvent& event : out.events) {
    std::visit([this](const auto& typed) { on(typed); }, event);
    if (life != life_) return;
  }
  plan_wake();
}

void Client::plan_wake() {
  const auto at = engine_->wake_at();
  if (!at || *at == wake_ns_) return;
  wake_ns_ = *at;
  common_.schedule.at(*at, [this, life = life_, at_ns = *at] {
    if (life != life_ || at_ns != wake_ns_) return;
    wake_ns_ = 0;
    engine_->tick(common_.schedule.now());
    pump();
  });
}

void Client::plan_post() {
  const std::uint64_t wait_ns = random_.below(common_.plan.post_interval_ns * 2) + 1;
  common_.schedule.after(wait_ns, [this, life = life_] {
    if (life != life_ || calm_) return;
    Work& work = *works_[static_cast<std::size_t>(random_.below(works_.size()))];
    if (!work.over && work.tags.size() < 500) {
      post(work, 1 + static_cast<std::size_t>(random_.below(common_.plan.post_count_max)));
      pump();
    }
    plan_post();
  });
}

void Client::post(Work& work, std::size_t count) {
  PostBatch batch;
  for (std::size_t i = 0; i < count; ++i) {
    // Not to the hostile agent: nobody promises what it does with its mail.
    const auto to = static_cast<std::size_t>(random_.below(common_.plan.hostile_agent()));
    const Wishes wishes = make_wishes(work.agent);
    const Tag tag = common_.auditor.posted(work.agent, to, work.stream, wishes.idempotency_key);
    const std::string& name = common_.plan.agents[to];
    const auto id = common_.auditor.ledger().agent_id(name);
    if (!id || random_.one_in(8)) {
      batch.names.emplace_back(static_cast<std::uint32_t>(batch.ends.size()), name);
    }
    const auto filler = static_cast<std::size_t>(random_.below(common_.plan.payload_bytes_max + 1));
    append_envelope(batch.bytes, id ? mailbox_of(*id) : ChannelId{}, AgentId{},
                    make_payload(tag, filler), wishes);
    batch.ends.push_back(static_cast<std::uint32_t>(batch.bytes.size()));
    work.tags.push_back(tag);
  }
  engine_->send(work.id, std::move(batch));
}

Wishes Client::make_wishes(std::size_t agent) {
  const Plan& plan = common_.plan;
  const auto happens = [&](std::uint64_t one_in) { return one_in != 0 && random_.one_in(one_in); };
  Wishes wishes;
  if (happens(plan.urgent_one_in)) {
    wishes.priority = random_.one_in(2) ? Priority::kUrgent : Priority::kBackground;
  }
  if (happens(plan.ttl_one_in)) {
    wishes.ttl_seconds = static_cast<std::uint32_t>(random_.below(8));
  }
  // Few keys, so that they come again: from this life, an earlier one, or another client.
  if (happens(plan.key_one_in)) {
    wishes.idempotency_key = plan.agents[agent] + ':' + std::to_string(random_.below(40));
  }
  return wishes;
}

// A new life has new numbers: the hub cannot know that these are repeats, and the auditor counts
// them as posts of their own.
void Client::post_again(Work& work) {
  const std::size_t count = std::min<std::size_t>(std::exchange(unanswered_, 0), 64);
  if (!calm_) post(work, count);
}

void Client::register_somebody() {
  const std::size_t agent = works_[static_cast<std::size_t>(random_.below(works_.size()))]->agent;
  const std::string skill(static_cast<std::size_t>(random_.below(2000)), 's');
  const ParamMap params = ParamMap().set("name", common_.plan.agents[agent]).set("skill_md", skill);
  registrations_[engine_->request("register", encode_params(params), Repeat::kYes)] = agent;
}

void Client::plan_receipt(Work& work) {
  if (work.receipt_due || work.held.empty() || work.receipts == Receipts::kNever) return;
  work.receipt_due = true;
  const std::uint64_t wait_ns =
      work.receipts == Receipts::kAtOnce ? 1 : random_.below(400 * kNsPerMs) + 1;
  common_.schedule.after(wait_ns, [this, life = life_, session = work.id] {
    Work* held_by = life == life_ ? find(session) : nullptr;
    if (held_by == nullptr) return;
    held_by->receipt_due = false;
    give_receipts(*held_by);
    pump();
  });
}

void Client::give_receipts(Work& work) {
  auto& held = work.held;
  if (held.empty() || work.over) return;
  const auto settle = [&](std::size_t i) {
    if (!calm_ && common_.plan.nack_one_in != 0 && random_.one_in(common_.plan.nack_one_in)) {
      common_.auditor.given_back(work.stream, held[i].channel, held[i].position);
      const auto delay_ms = static_cast<std::uint32_t>(random_.below(3) * random_.below(1000));
      engine_->nack(work.id, held[i].delivery, delay_ms, "not in the mood");
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
    common_.auditor.acknowledged(held[i].channel, held[i].position);
    engine_->acknowledge(work.id, held[i].delivery, held[i].delivery);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
  };
  if (work.receipts == Receipts::kSinglyAnyOrder) {
    const std::size_t count = 1 + static_cast<std::size_t>(random_.below(held.size()));
    for (std::size_t i = 0; i < count; ++i) {
      settle(static_cast<std::size_t>(random_.below(held.size())));
    }
  } else {
    std::size_t count = held.size();
    if (work.receipts == Receipts::kLateUpTo) {
      count = 1 + static_cast<std::size_t>(random_.below(count));
    }
    while (count-- > 0) settle(0);
  }
  plan_receipt(work);
}

}  // namespace capstan::sim
