// One agent between its application threads and the I/O thread.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>

#include "capstan/client/agent_client.h"
#include "capstan/client/interval_set.h"
#include "capstan/client/link.h"
#include "work_queue.h"

namespace capstan {

/// Two sides, one lock. The application's side is AgentClient; the I/O thread takes what is staged
/// and brings what the engine reports. Neither side holds the lock while it calls out.
class AgentState final : public AgentClient, public std::enable_shared_from_this<AgentState> {
 public:
  struct OutboxLimits {
    std::size_t envelopes = 0;
    std::size_t bytes = 0;
  };
  struct Nack {
    std::uint64_t number = 0;
    std::uint32_t delay_ms = 0;
    std::string reason;
  };
  struct Work {
    PostBatch batch;
    std::vector<Nack> nacks;                                            ///< Before these:
    std::vector<std::pair<std::uint64_t, std::uint64_t>> acknowledged;  ///< (first, last)

    [[nodiscard]] bool has_receipts() const { return !nacks.empty() || !acknowledged.empty(); }
  };

  AgentState(AgentOptions options, OutboxLimits limits, std::shared_ptr<WorkQueue> queue);
  ~AgentState() override;
  AgentState(const AgentState&) = delete;
  AgentState& operator=(const AgentState&) = delete;

  [[nodiscard]] SessionOptions session_options() const;
  /// Starts the callback thread, where there are callbacks.
  void start();
  /// Waits for the hub's answer to the first attach.
  [[nodiscard]] Status wait_attached(int timeout_ms);

  // AgentClient.
  [[nodiscard]] Result<std::uint64_t> send(std::string_view name,
                                           const Envelope& envelope) override;
  [[nodiscard]] Result<std::uint64_t> send(const ChannelId& channel,
                                           const Envelope& envelope) override;
  [[nodiscard]] Result<std::uint64_t> send_text(std::string_view name,
                                                std::string_view text) override;
  [[nodiscard]] Result<std::uint64_t> send_encoded(const ChannelId& channel,
                                                   Bytes envelope) override;
  [[nodiscard]] Status wait_accepted(std::uint64_t number, int timeout_ms) override;
  [[nodiscard]] std::uint64_t accepted_count() const override;
  [[nodiscard]] Result<std::optional<Delivery>> receive(int timeout_ms) override;
  [[nodiscard]] Result<std::vector<Delivery>> receive_batch(std::size_t max,
                                                            int timeout_ms) override;
  void acknowledge(std::uint64_t number) override;
  void acknowledge_up_to(std::uint64_t number) override;
  void nack(std::uint64_t number, std::uint32_t delay_ms, std::string_view reason) override;
  void working(std::uint64_t number) override;
  void grant(std::uint64_t deliveries) override;
  [[nodiscard]] Status drain(int timeout_ms) override;
  void close() override;
  [[nodiscard]] const std::string& name() const override { return options_.name; }
  [[nodiscard]] AgentId id() const override;

  // The I/O thread.
  void bound(SessionId session);
  [[nodiscard]] SessionId session() const;
  [[nodiscard]] Work take_work();
  void attached(const AgentId& agent);
  void delayed(const Error& error);
  /// Not empty, all from `body`.
  void delivered(std::span<const Delivered> deliveries, const LinkBody& body);
  void accepted(const Accepted& accepted);
  void refused(const Refused& refused);
  void resolved(const std::string& name, const ChannelId& channel);
  void receipts_sent();
  void ended(const Error& error);

 private:
  struct Stop {
    std::uint64_t number = 0;
    Error error;
  };
  struct RefusalRun {
    std::uint64_t last = 0;
    Error error;
  };
  using Notice = std::function<void()>;
  using Lock = std::unique_lock<std::mutex>;

  template <typename Append>
  Result<std::uint64_t> stage(Append append);
  [[nodiscard]] Status wait_for_room(Lock& lock);
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] std::optional<Error> why_closed() const;
  [[nodiscard]] Error out_of_time(std::string what) const;
  void keep_refusal(const Refused& refused);
  [[nodiscard]] std::optional<Error> refusal_of(std::uint64_t number) const;
  void stage_acknowledged(std::uint64_t first, std::uint64_t last);
  void announce(Lock& lock);
  [[nodiscard]] bool wait(Lock& lock, int timeout_ms, const std::function<bool()>& done);
  [[nodiscard]] bool has_delivery() const;
  [[nodiscard]] Delivery next_delivery();
  void take_arriving();
  void run_callbacks();
  void notice(Notice notice);
  void join_callbacks();

  const AgentOptions options_;
  const OutboxLimits limits_;
  const std::shared_ptr<WorkQueue> queue_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SessionId session_ = 0;
  AgentId agent_;
  std::optional<Error> delay_;  // not attached, and why not
  std::optional<Error> end_;
  bool closed_ = false;
  bool announced_ = false;  // the I/O thread knows that there is work

  // Posting.
  PostBatch staged_;
  std::unordered_map<std::string, ChannelId> mailboxes_;
  std::uint64_t last_number_ = 0;
  std::size_t unsettled_envelopes_ = 0;
  std::size_t unsettled_bytes_ = 0;
  IntervalSet settled_;                           // accepted or refused
  std::map<std::uint64_t, RefusalRun> refusals_;  // by first number
  std::uint64_t forgotten_up_to_ = 0;             // no refusal of these numbers need be there
  std::optional<Stop> stop_;                      // kStop: nothing from this number on is sent
  std::uint64_t accepted_count_ = 0;

  // Receiving.
  std::vector<Delivery> arriving_;
  std::vector<Delivery> handing_;  // from next_handed_ on
  std::size_t next_handed_ = 0;
  std::vector<Nack> nacks_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> acknowledged_;
  bool receipts_pending_ = false;

  std::vector<Notice> notices_;
  std::mutex join_mutex_;  // one at a time starts or joins
  std::thread callbacks_;
};

}  // namespace capstan
