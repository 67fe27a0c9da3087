#include "core_thread.h"

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace capstan {

namespace {

/// What one turn takes from the socket: enough to fill a commit, little enough to answer pings.
constexpr std::size_t kReceiveBytesPerTurn = std::size_t{2} << 20;
constexpr std::uint64_t kGaugesIntervalNs = kNsPerSecond;
/// A hostile agent must not fill the log; what is left out is counted.
constexpr std::uint64_t kAuditsPerSecondMax = 100;
/// A full pipe is tried again this often; libzmq does not tell when it has room.
constexpr long kOutboxRetryMs = 2;
/// As sysexits.h has it for what should not happen.
constexpr int kExitSoftware = 70;

}  // namespace

int CoreThread::run(const HubConfig& config, State state, const HubStart& start,
                    std::vector<AdmittedKey> keys, std::vector<NameWithdrawn> removed) {
  Effects effects;
  Hub hub(config, std::move(state), start, parts_.clock.now(), effects);
  std::vector<Event> events;
  // A name that was removed may have been added again since: the old agent goes first.
  for (NameWithdrawn& withdrawn : removed) events.push_back(std::move(withdrawn));
  events.push_back(KeysChanged{std::move(keys)});
  while (!stopped_) {
    hub.handle(parts_.clock.now(), events, effects);
    carry_out(effects);
    if (stopped_) break;
    events.clear();
    wait();
    gather(events);
  }
  return exit_code_;
}

void CoreThread::wait() {
  const std::uint64_t now_ns = parts_.clock.now().monotonic_ns;
  long timeout_ms = 0;
  if (!more_waits_ && wake_at_ns_ > now_ns) {
    timeout_ms = static_cast<long>((wake_at_ns_ - now_ns) / kNsPerMs) + 1;
    if (outbox_waits_) timeout_ms = std::min(timeout_ms, kOutboxRetryMs);
  }
  std::array<zmq_pollitem_t, 4> items{{{parts_.router.socket(), 0, ZMQ_POLLIN, 0},
                                       {nullptr, parts_.journal.wake_fd(), ZMQ_POLLIN, 0},
                                       {nullptr, parts_.admin.wake_fd(), ZMQ_POLLIN, 0},
                                       {nullptr, parts_.signal_fd, ZMQ_POLLIN, 0}}};
  (void)zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms);
}

void CoreThread::gather(std::vector<Event>& events) {
  outbox_waits_ = parts_.router.flush();
  parts_.router.take_gone(events);
  gather_journal(events);
  parts_.admin.drain(events);
  gather_signals(events);
  gather_gauges(events, parts_.clock.now());
  more_waits_ = parts_.router.receive(events, kReceiveBytesPerTurn);
  if (events.empty()) events.push_back(Tick{});
}

void CoreThread::gather_journal(std::vector<Event>& events) {
  journal_results_.clear();
  parts_.journal.drain(journal_results_);
  for (JournalResult& result : journal_results_) {
    std::visit([&](auto& typed) { events.push_back(std::move(typed)); }, result);
  }
}

void CoreThread::gather_signals(std::vector<Event>& events) {
  signalfd_siginfo info{};
  while (::read(parts_.signal_fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      parts_.admin.reload();
    } else {
      spdlog::info("stopping signal={}", info.ssi_signo);
      events.push_back(StopRequested{});
    }
  }
}

void CoreThread::gather_gauges(std::vector<Event>& events, const Time& now) {
  if (!parts_.auth.running() && exit_code_ == 0) {
    spdlog::error("stopping reason=\"the auth thread has ended: nobody can enter any more\"");
    exit_code_ = kExitSoftware;
    events.push_back(StopRequested{});
  }
  const std::uint64_t refused = parts_.auth.refused_handshakes();
  if (now.monotonic_ns < gauges_at_ns_ && refused == last_refused_handshakes_) return;
  gauges_at_ns_ = now.monotonic_ns + kGaugesIntervalNs;
  last_refused_handshakes_ = refused;
  events.push_back(Gauges{refused, parts_.router.refused_identity(), parts_.store.bytes_on_disk()});
}

void CoreThread::carry_out(Effects& effects) {
  for (Effect& effect : effects) {
    std::visit([this](auto& typed) { perform(typed); }, effect);
  }
  effects.clear();
}

void CoreThread::perform(SendBody& send) { parts_.router.send(std::move(send)); }
void CoreThread::perform(WriteCommit& write) { parts_.journal.commit(std::move(write.commit)); }
void CoreThread::perform(WriteCheckpoint& write) {
  parts_.journal.checkpoint(std::move(write.checkpoint));
}
void CoreThread::perform(ReadBlocks& read) {
  parts_.journal.read(read.read, std::move(read.bases));
}
void CoreThread::perform(StoreCold& store) { parts_.journal.store_cold(std::move(store.part)); }
void CoreThread::perform(DropSegment& drop) {
  parts_.journal.drop_segment(drop.first, drop.keeps_cold ? Keep::kCold : Keep::kNothing);
}
void CoreThread::perform(Evict& evict) { parts_.router.evict(evict.connection); }
void CoreThread::perform(AdmitKey& admit) { parts_.admin.admit(admit.key); }
void CoreThread::perform(WithdrawName& withdraw) { parts_.admin.withdraw(withdraw.name); }
void CoreThread::perform(ForgetWithdrawal& forget) { parts_.admin.forget(forget.name); }
void CoreThread::perform(Audit& audit) {
  const std::uint64_t now_ns = parts_.clock.now().monotonic_ns;
  if (now_ns >= audit_window_ends_ns_) {
    if (audits_in_window_ > kAuditsPerSecondMax) {
      spdlog::warn("audit=suppressed lines={}", audits_in_window_ - kAuditsPerSecondMax);
    }
    audits_in_window_ = 0;
    audit_window_ends_ns_ = now_ns + kNsPerSecond;
  }
  if (++audits_in_window_ > kAuditsPerSecondMax) return;
  spdlog::warn("audit={} {}", audit.event, audit.detail);
}
void CoreThread::perform(WakeAt& wake) { wake_at_ns_ = wake.monotonic_ns; }
void CoreThread::perform(Stop& stop) {
  // A stop that was requested keeps the exit code of whoever requested it.
  if (stop.exit_code != 0) exit_code_ = stop.exit_code;
  if (exit_code_ == 0) {
    spdlog::info("stopped reason={}", stop.reason);
  } else {
    spdlog::error("stopped reason=\"{}\" exit_code={}", stop.reason, exit_code_);
  }
  stopped_ = true;
}

}  // namespace capstan
