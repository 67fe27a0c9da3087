// The core thread: gathers events, asks the core, carries out its effects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin_thread.h"
#include "auth/auth_thread.h"
#include "capstan/base/clock.h"
#include "capstan/core/hub.h"
#include "capstan/journal/threads.h"
#include "router.h"

namespace capstan {

/// Everything that the core thread talks to; all of it outlives run().
struct CoreThreadParts {
  const Clock& clock;
  Router& router;
  JournalStore& store;
  JournalThreads& journal;
  AdminThread& admin;
  const AuthThread& auth;
  int signal_fd = -1;  ///< Of SIGTERM, SIGINT (drain) and SIGHUP (reload).
};

/// Runs in the caller's thread, which becomes the core thread. It never stops receiving, and blocks
/// in poll alone.
class CoreThread {
 public:
  explicit CoreThread(const CoreThreadParts& parts) : parts_(parts) {}

  /// Until the core says stop; returns the process's exit code. `keys` and `removed` are what
  /// stands under agents/.
  [[nodiscard]] int run(const HubConfig& config, State state, const HubStart& start,
                        std::vector<AdmittedKey> keys, std::vector<NameWithdrawn> removed);

 private:
  void wait();
  void gather(std::vector<Event>& events);
  void gather_journal(std::vector<Event>& events);
  void gather_signals(std::vector<Event>& events);
  void gather_gauges(std::vector<Event>& events, const Time& now);
  void carry_out(Effects& effects);

  // One function an effect.
  void perform(SendBody& send);
  void perform(WriteCommit& write);
  void perform(WriteCheckpoint& write);
  void perform(ReadBlocks& read);
  void perform(StoreCold& store);
  void perform(DropSegment& drop);
  void perform(Evict& evict);
  void perform(AdmitKey& admit);
  void perform(WithdrawName& withdraw);
  void perform(ForgetWithdrawal& forget);
  void perform(Audit& audit);
  void perform(WakeAt& wake);
  void perform(Stop& stop);

  CoreThreadParts parts_;
  std::vector<JournalResult> journal_results_;
  std::uint64_t wake_at_ns_ = 0;
  std::uint64_t gauges_at_ns_ = 0;
  std::uint64_t last_refused_handshakes_ = 0;
  std::uint64_t audit_window_ends_ns_ = 0;
  std::uint64_t audits_in_window_ = 0;
  bool more_waits_ = false;
  bool outbox_waits_ = false;
  bool stopped_ = false;
  int exit_code_ = 0;
};

}  // namespace capstan
