// One agent between its application threads and the I/O thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent_inbox.h"
#include "agent_outbox.h"
#include "callback_thread.h"
#include "capstan/client/agent_client.h"
#include "capstan/client/link.h"
#include "work_queue.h"

namespace capstan {

/// Two sides, one lock. The application's side is AgentClient; the I/O thread takes what is staged
/// and brings what the engine reports. Neither side holds the lock while it calls out.
class AgentState final : public AgentClient, public std::enable_shared_from_this<AgentState> {
 public:
  struct Work {
    PostBatch batch;
    AgentInbox::Receipts receipts;
  };

  AgentState(AgentOptions options, OutboxLimits limits, std::shared_ptr<WorkQueue> queue);

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
  using Notice = std::function<void()>;
  using Lock = std::unique_lock<std::mutex>;

  template <typename... What>
  Result<std::uint64_t> post(const What&... what);
  [[nodiscard]] Status wait_for_room(Lock& lock);
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] std::optional<Error> why_closed() const;
  [[nodiscard]] Error out_of_time(std::string what) const;
  void announce(Lock& lock);
  [[nodiscard]] bool wait(Lock& lock, int timeout_ms, const std::function<bool()>& done);
  void run_callbacks();

  const AgentOptions options_;
  const std::size_t notices_max_;
  const std::shared_ptr<WorkQueue> queue_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SessionId session_ = 0;
  AgentId agent_;
  std::optional<Error> delay_;  // not attached, and why not
  std::optional<Error> end_;
  bool announced_ = false;  // the I/O thread knows that there is work
  AgentOutbox outbox_;
  AgentInbox inbox_;
  std::vector<Notice> notices_;  // calls that wait, but on_delivery

  CallbackThread callbacks_;
};

}  // namespace capstan
