#include "hub_process.h"

#include <algorithm>
#include <utility>

#include "capstan/codec/compact.h"

namespace capstan::sim {

namespace {

constexpr std::uint64_t kTurnDelayNs = 200'000;

void remark_errors(Trace& trace, Bytes body) {
  FrameRow row(body);
  while (const auto frame = row.next()) {
    if (peek_type(*frame) != static_cast<std::uint8_t>(FrameType::kError)) continue;
    const auto control = decode_control(*frame);
    if (!control) continue;
    const auto& error = std::get<ErrorFrame>(*control);
    trace.remark("session " + std::to_string(error.session) + " number " +
                 std::to_string(error.reference) + " " + Error{error.code, error.message}.text());
  }
}

}  // namespace

HubProcess::HubProcess(Common common, Disk& disk, Network& network, std::uint64_t seed)
    : common_(common), disk_(disk), network_(network), random_(seed) {
  network_.set_hub(*this);
}

void HubProcess::start() {
  auto recovered = disk_.start();
  if (!recovered) {
    common_.trace.note("start failed");
    common_.counts.add(Count::kFailedStarts);
    if (!disk_.bad()) {
      common_.auditor.violated("a start fails on a sound disk: " + recovered.error().text());
    }
    disk_.kill();
    return restart_later();
  }
  disk_.run([this](Event event) { push(std::move(event)); });
  HubStart start = recovered->start;
  start.seed = random_.next();
  for (std::uint8_t& octet : start.boot.bytes) octet = static_cast<std::uint8_t>(random_.next());
  start.version = "simulated";
  common_.auditor.booted();
  stopped_ = false;
  Effects effects;
  hub_ = std::make_unique<Hub>(common_.plan.hub, std::move(recovered->state), start,
                               common_.schedule.now(), effects);
  carry_out(effects);
  if (leaver_noted_) {
    const auto& agents = common_.auditor.ledger().agents();
    const bool undone = agents.count(common_.plan.leaving_key().key.name) != 0;
    common_.counts.add(Count::kRemovalsResumed, undone ? 1 : 0);
    push_withdrawn();
  }
  push(KeysChanged{admitted()});
}

bool HubProcess::admits(const KeyPlan& key) const {
  return leaver_admitted_ || !common_.plan.leaves(key);
}

std::vector<AdmittedKey> HubProcess::admitted() const {
  std::vector<AdmittedKey> keys;
  for (const KeyPlan& key : common_.plan.keys) {
    if (admits(key)) keys.push_back(key.key);
  }
  return keys;
}

void HubProcess::push_withdrawn() {
  const AdmittedKey& key = common_.plan.leaving_key().key;
  NameWithdrawn withdrawn;
  withdrawn.name = key.name;
  withdrawn.key = key.key;
  withdrawn.withdrawn = {key.name};
  withdrawn.keys = admitted();
  push(std::move(withdrawn));
}

void HubProcess::remove_leaver() {
  if (!leaver_admitted_) return;
  leaver_admitted_ = false;
  leaver_noted_ = true;
  common_.trace.note("remove");
  if (up()) push_withdrawn();
}

void HubProcess::readmit_leaver() {
  if (leaver_admitted_ || leaver_noted_) return;
  leaver_admitted_ = true;
  common_.trace.note("readmit");
  common_.counts.add(Count::kReturns);
  if (up()) push(KeysChanged{admitted()});
}

void HubProcess::disk_space(DiskState state) {
  if (up()) push(DiskSpace{state, 0});
}

void HubProcess::restart_later() {
  common_.schedule.after(random_.below(500 * kNsPerMs), [this, life = life_] {
    if (life == life_ && !up()) start();
  });
}

void HubProcess::end() {
  ++life_;
  hub_.reset();
  wires_.clear();
  waiting_.clear();
  bodies_.clear();
  turn_due_ = false;
  wake_planned_ns_ = 0;
  on_stop_ = nullptr;
  network_.hub_died();
}

void HubProcess::kill() {
  common_.trace.note("kill");
  common_.counts.add(Count::kProcessKills);
  end();
  disk_.kill();
  restart_later();
}

void HubProcess::cut_power() {
  common_.counts.add(Count::kPowerCuts);
  end();
  disk_.cut_power();
  restart_later();
}

void HubProcess::stop(std::function<void()> then) {
  if (!up() || on_stop_) return;
  on_stop_ = std::move(then);
  push(StopRequested{});
}

void HubProcess::push(Event event) {
  waiting_.push_back(std::move(event));
  if (turn_due_) return;
  turn_due_ = true;
  common_.schedule.after(random_.below(kTurnDelayNs), [this, life = life_] {
    if (life == life_) turn();
  });
}

void HubProcess::turn() {
  turn_due_ = false;
  const std::vector<Event> events = std::exchange(waiting_, {});
  const std::deque<ByteBuffer> bodies = std::exchange(bodies_, {});
  events_ += events.size();
  for (const Event& event : events) {
    const auto* frames = std::get_if<FramesArrived>(&event);
    common_.trace.note("event", {event.index()}, frames == nullptr ? Bytes{} : frames->body);
  }
  Effects effects;
  common_.auditor.hub_clock(common_.schedule.now().wall_ns);
  hub_->handle(common_.schedule.now(), events, effects);
  carry_out(effects);
  common_.auditor.hub_turn_over();
  if (up()) common_.auditor.hub_state(hub_->state());
}

void HubProcess::carry_out(Effects& effects) {
  const std::uint64_t life = life_;
  for (Effect& effect : effects) {
    common_.trace.note("effect", {effect.index()});
    std::visit([this](auto& typed) { take(typed); }, effect);
    if (life != life_) return;
  }
  if (wake_at_ns_ == wake_planned_ns_) return;
  wake_planned_ns_ = wake_at_ns_;
  common_.schedule.at(wake_at_ns_, [this, life, at = wake_at_ns_] {
    if (life == life_ && at == wake_planned_ns_) {
      wake_planned_ns_ = 0;
      push(Tick{});
    }
  });
}

void HubProcess::arrived(const WirePtr& wire, ByteBuffer body) {
  if (!up()) return;
  if (!wire->connection) {
    if (!admits(*wire->key)) return;
    wire->connection = ConnectionId{generations_ % 7, ++generations_};
    wires_[*wire->connection] = wire;
    wire->view.sessions.clear();
    wire->view.attaching.clear();
    push(PeerOpened{*wire->connection, wire->key->key, false});
  }
  common_.auditor.hub_received(wire->view, body);
  bodies_.push_back(std::move(body));
  push(FramesArrived{*wire->connection, bodies_.back()});
}

void HubProcess::gone(const WirePtr& wire) {
  if (wires_.erase(*wire->connection) > 0) push(PeerGone{*wire->connection});
  wire->connection.reset();
}

void HubProcess::take(SendBody& send) {
  common_.trace.note("send", {send.connection.generation}, send.body);
  if (common_.trace.printing()) remark_errors(common_.trace, send.body);
  const auto at = wires_.find(send.connection);
  // What is said to a peer that is gone has to be true, too.
  PeerView stranger;
  stranger.hostile = true;
  common_.auditor.hub_sent(at == wires_.end() ? stranger : at->second->view, send.body);
  if (at != wires_.end()) network_.send_to_client(at->second, std::move(send.body));
}

void HubProcess::take(Evict& evict) {
  const auto at = wires_.find(evict.connection);
  if (at == wires_.end()) return;
  at->second->connection.reset();
  wires_.erase(at);
}

void HubProcess::take(AdmitKey& admit) { push(KeyAdmitted{admit.key.name, std::nullopt}); }
void HubProcess::take(WithdrawName& withdraw) {
  NameWithdrawn withdrawn;
  withdrawn.name = withdraw.name;
  push(std::move(withdrawn));
}
void HubProcess::take(ForgetWithdrawal& forget) {
  leaver_noted_ = false;
  push(WithdrawalForgotten{forget.name, std::nullopt});
}

void HubProcess::take(Audit& audit) {
  if (common_.trace.printing()) common_.trace.remark(audit.event + " " + audit.detail);
  if (audit.event == "superseded") common_.counts.add(Count::kSupersessions);
  if (audit.event == "access_denied" && audit.detail.find("claimed_sender") != std::string::npos) {
    common_.counts.add(Count::kForgedRefused);
  }
  const bool fault = audit.event == "read_failed" || audit.event == "checkpoint_failed" ||
                     audit.event == "drop_failed" || audit.event == "cold_copy_failed";
  if (audit.event == "retention_gives_way") common_.auditor.retention_gave_way();
  if (audit.event == "notice_dropped") common_.auditor.notice_dropped(audit.detail);
  if (audit.event == "gap") common_.counts.add(Count::kGaps);
  // Which gap it is, the ledger looks at when the record is durable.
  const bool rotten = common_.auditor.ledger().any_rotten() &&
                      (audit.event == "gap" || audit.event == "read_failed");
  if (!rotten && (audit.event == "gap" || (fault && !disk_.bad()))) {
    common_.auditor.violated("the hub reports on a sound disk: " + audit.event + " " +
                             audit.detail);
  }
}

void HubProcess::take(Stop& stop) {
  common_.trace.note("stop", {static_cast<std::uint64_t>(stop.exit_code)});
  if (stop.exit_code == 74) {
    common_.counts.add(Count::kLoudStops);
    if (!disk_.bad()) common_.auditor.violated("the hub stops on a sound disk: " + stop.reason);
    end();
    disk_.kill();
    return restart_later();
  }
  if (!on_stop_) return common_.auditor.violated("the hub stops without being asked");
  const std::vector<StateRow> live = hub_->state().all_rows();
  const auto then = std::move(on_stop_);
  common_.counts.add(Count::kOrderlyStops);
  common_.auditor.hub_stopped();
  end();
  disk_.kill();
  if (const auto recovered = disk_.start(); recovered) {
    const std::vector<StateRow> rows = recovered->state.all_rows();
    const bool same = std::equal(
        live.begin(), live.end(), rows.begin(), rows.end(),
        [](const StateRow& a, const StateRow& b) { return a.key == b.key && a.value == b.value; });
    if (!same) common_.auditor.violated("a start makes another state than the live one was");
    disk_.check_retained();
  }
  disk_.kill();
  then();
}

}  // namespace capstan::sim
