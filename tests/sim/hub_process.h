// The hub's process: turns of the core, its effects, its end and its next start.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capstan/core/hub.h"
#include "disk.h"
#include "network.h"

namespace capstan::sim {

class HubProcess final : public HubPort {
 public:
  HubProcess(Common common, Disk& disk, Network& network, std::uint64_t seed);

  /// Starts now; with a bad disk again and again until it works.
  void start();
  [[nodiscard]] bool up() const override { return hub_ != nullptr; }

  /// Handed to the core so far, over all lives.
  [[nodiscard]] std::uint64_t events() const { return events_; }

  void kill();
  void cut_power();
  /// Drains and stops; `then` is called when the process has ended, its state on disk.
  void stop(std::function<void()> then);

  /// As `capstan agent remove` does it: the files first, whether the hub runs or not.
  void remove_leaver();
  /// The name is added again, once nothing is left to be done about the removal.
  void readmit_leaver();
  /// A removal is not finished.
  [[nodiscard]] bool removing() const { return leaver_noted_; }
  void disk_space(DiskState state);

  [[nodiscard]] bool admits(const KeyPlan& key) const override;
  void arrived(const WirePtr& wire, ByteBuffer body) override;
  void gone(const WirePtr& wire) override;

 private:
  void end();
  void restart_later();
  void push(Event event);
  [[nodiscard]] std::vector<AdmittedKey> admitted() const;
  void push_withdrawn();
  void turn();
  void carry_out(Effects& effects);
  void take(SendBody& send);
  void take(WriteCommit& write) { disk_.commit(std::move(write.commit)); }
  void take(WriteCheckpoint& write) { disk_.checkpoint(std::move(write.checkpoint)); }
  void take(ReadBlocks& read) { disk_.read(read.read, std::move(read.bases)); }
  void take(StoreCold& store) { disk_.store_cold(std::move(store.part)); }
  void take(DropSegment& drop) { disk_.drop(drop); }
  void take(Evict& evict);
  void take(AdmitKey& admit);
  void take(WithdrawName& withdraw);
  void take(ForgetWithdrawal& forget);
  void take(Audit& audit);
  void take(WakeAt& wake) { wake_at_ns_ = wake.monotonic_ns; }
  void take(Stop& stop);

  Common common_;
  Disk& disk_;
  Network& network_;
  Random random_;
  std::unique_ptr<Hub> hub_;
  bool leaver_admitted_ = true;  // Files: they outlive the process.
  bool leaver_noted_ = false;
  std::uint64_t life_ = 0;
  std::uint64_t events_ = 0;
  std::uint32_t generations_ = 0;
  std::unordered_map<ConnectionId, WirePtr> wires_;
  std::vector<Event> waiting_;
  std::deque<ByteBuffer> bodies_;  // Of the FramesArrived in `waiting_`.
  bool turn_due_ = false;
  std::uint64_t wake_at_ns_ = 0;
  std::uint64_t wake_planned_ns_ = 0;
  bool stopped_ = false;
  std::function<void()> on_stop_;
};

}  // namespace capstan::sim
