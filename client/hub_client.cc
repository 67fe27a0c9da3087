#include "capstan/client/hub_client.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <unordered_map>
#include <variant>

#include "agent_state.h"
#include "capstan/base/check.h"
#include "work_queue.h"

namespace capstan {
namespace {

constexpr int kIdleMs = 1'000;  // an upper bound for a wait: a lost wake-up would cost no more
constexpr std::uint64_t kLongestBackoffNs = 2 * kNsPerSecond;

bool holds(const LinkBody& body, Bytes envelope) {
  const std::less_equal<const std::uint8_t*> not_after;
  return not_after(body.bytes.data(), envelope.data()) &&
         not_after(envelope.data() + envelope.size(), body.bytes.data() + body.bytes.size());
}

class IoLoop final : public HubClient {
 public:
  IoLoop(HubClientOptions options, std::unique_ptr<Link> link, std::uint64_t seed)
      : options_(std::move(options)),
        link_(std::move(link)),
        queue_(std::make_shared<WorkQueue>(link_.get())),
        engine_(EngineOptions{options_.client}, seed),
        random_(seed + 1),
        thread_([this] { run(); }) {}

  ~IoLoop() override { close(); }

  Status wait_ready(int timeout_ms) override {
    if (timeout_ms < 0) timeout_ms = options_.connect_timeout_ms;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return ready_ || end_; });
    if (end_) return *end_;
    if (ready_) return {};
    return {ErrorCode::kUnavailable, "no hub at " + options_.endpoint + " within " +
                                         std::to_string(timeout_ms) + " ms" +
                                         (last_error_.empty() ? "" : ": " + last_error_)};
  }

  Result<std::shared_ptr<AgentClient>> attach(AgentOptions options) override {
    const int timeout_ms = options.attach_timeout_ms;
    const auto agent = std::make_shared<AgentState>(
        std::move(options), OutboxLimits{options_.outbox_envelopes_max, options_.outbox_bytes_max},
        queue_);
    {
      const std::lock_guard lock(mutex_);
      if (end_) return *end_;
      // Before close() can see the agent: it waits for callbacks that have been started.
      agent->start();
      std::erase_if(attached_, [](const auto& entry) { return entry.expired(); });
      attached_.push_back(agent);
    }
    const bool posted = queue_->post([this, agent](ClientEngine& engine) {
      const SessionId session = engine.attach(agent->session_options());
      agents_.emplace(session, agent);
      agent->bound(session);
    });
    if (!posted) agent->ended({ErrorCode::kClosed, "the client is closed"});
    if (timeout_ms != 0 || !posted) {
      if (Status attached = agent->wait_attached(timeout_ms); !attached.ok()) {
        agent->close();
        return attached.error();
      }
    }
    return std::shared_ptr<AgentClient>(agent);
  }

  Result<ParamMap> request(std::string operation, const ParamMap& params, int timeout_ms,
                           Repeat repeat) override {
    const auto answer = std::make_shared<Answer>();
    const bool posted = queue_->post(
        [this, answer, repeat, operation, bytes = encode_params(params)](ClientEngine& engine) {
          answer->request_id = engine.request(operation, bytes, repeat);
          answers_.emplace(answer->request_id, answer);
        });
    if (!posted) return {ErrorCode::kClosed, "the client is closed"};
    std::unique_lock lock(mutex_);
    const auto answered = [&] { return answer->response.has_value() || closed_; };
    if (timeout_ms < 0) {
      changed_.wait(lock, answered);
    } else {
      changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), answered);
    }
    if (!answer->response) {
      if (closed_) return {ErrorCode::kClosed, "the client was closed"};
      const std::string why = ready_ || last_error_.empty() ? "" : ": " + last_error_;
      lock.unlock();
      queue_->post([this, answer](ClientEngine& engine) {
        engine.forget_request(answer->request_id);
        answers_.erase(answer->request_id);
      });
      return {ErrorCode::kTimeout, "no answer to " + operation + why};
    }
    const Responded& response = *answer->response;
    if (response.code != ErrorCode::kOk) return {response.code, response.message};
    if (response.result.empty()) return ParamMap();
    return decode_params(response.result);
  }

  void on_presence(OnPresence callback) override {
    queue_->post([this, callback = std::move(callback)](ClientEngine& engine) {
      on_presence_ = callback;
      engine.watch_presence(on_presence_ != nullptr);
    });
  }

  Status drain(int timeout_ms) override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    std::vector<std::weak_ptr<AgentState>> agents;
    {
      const std::lock_guard lock(mutex_);
      agents = attached_;
    }
    for (const auto& entry : agents) {
      const auto agent = entry.lock();
      if (!agent) continue;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      const int left_ms = timeout_ms < 0 ? -1 : std::max(0, static_cast<int>(left.count()));
      if (Status drained = agent->drain(left_ms); !drained.ok()) return drained;
    }
    return {};
  }

  void close() override {
    queue_->post([this](ClientEngine&) { stopping_ = true; });
    {
      const std::lock_guard lock(join_mutex_);
      if (thread_.joinable()) thread_.join();
    }
    queue_->close();
    const Error closed{ErrorCode::kClosed, "the client was closed"};
    std::vector<std::shared_ptr<AgentState>> agents;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      if (!end_) end_ = closed;
      for (const auto& entry : attached_) {
        if (auto agent = entry.lock()) agents.push_back(std::move(agent));
      }
      changed_.notify_all();
    }
    for (const auto& agent : agents) agent->ended(closed);
    for (const auto& agent : agents) agent->close();
  }

 private:
  struct Answer {
    std::uint64_t request_id = 0;  ///< I/O thread.
    std::optional<Responded> response;
  };

  // ---- Everything below runs on the I/O thread.

  void run() {
    while (!stopping_) {
      connect_when_due();
      // Deliveries point into the bodies: `arrived` lives until the turn's events are handled.
      const std::vector<LinkEvent> arrived = link_->wait(timeout_ms());
      const Time now = clock_.now();
      for (const LinkEvent& event : arrived) take(now, event);
      take_work();
      engine_.tick(now);
      engine_.flush(now, out_);
      if (stopping_) {
        // Behind all that was said before: the hub drops what follows a goodbye.
        engine_.bye();
        engine_.flush(now, out_);
      }
      hand_on(arrived);
      for (ByteBuffer& body : out_.bodies) unsent_.push_back(std::move(body));
      out_.bodies.clear();
      send();
    }
    link_->disconnect();
  }

  void hand_on(const std::vector<LinkEvent>& arrived) {
    auto body = arrived.begin();
    for (auto at = out_.events.cbegin(); at != out_.events.cend();) {
      const auto* delivered = std::get_if<Delivered>(&*at);
      if (delivered == nullptr) {
        std::visit([&](const auto& event) { on(event); }, *at++);
        continue;
      }
      body = std::find_if(body, arrived.end(), [&](const LinkEvent& each) {
        const auto* candidate = std::get_if<LinkBody>(&each);
        return candidate != nullptr && holds(*candidate, delivered->envelope);
      });
      CAPSTAN_CHECK(body != arrived.end());
      at = deliver_stretch(at, std::get<LinkBody>(*body));
    }
    out_.events.clear();
  }

  /// Deliveries of one session that came in one body part reach their agent together.
  ClientEvents::const_iterator deliver_stretch(ClientEvents::const_iterator at,
                                               const LinkBody& body) {
    const SessionId session = std::get<Delivered>(*at).session;
    stretch_.clear();
    for (; at != out_.events.cend(); ++at) {
      const auto* next = std::get_if<Delivered>(&*at);
      if (next == nullptr || next->session != session || !holds(body, next->envelope)) break;
      stretch_.push_back(*next);
    }
    if (AgentState* agent = find(session)) agent->delivered(stretch_, body);
    return at;
  }

  void connect_when_due() {
    if (connected_ || ended_ || clock_.now().monotonic_ns < connect_due_ns_) return;
    lifecycle(Lifecycle::kConnecting, {});
    if (Status begun = link_->connect(); !begun.ok()) {
      engine_.disconnected(clock_.now(), begun.error());
      disconnected(begun.error());
      return;
    }
    connected_ = true;
  }

  [[nodiscard]] int timeout_ms() const {
    std::optional<std::uint64_t> at = engine_.wake_at();
    if (!connected_ && !ended_) at = at ? std::min(*at, connect_due_ns_) : connect_due_ns_;
    if (!at) return kIdleMs;
    const std::uint64_t now = clock_.now().monotonic_ns;
    if (*at <= now) return 0;
    return static_cast<int>(
        std::min<std::uint64_t>((*at - now + kNsPerMs - 1) / kNsPerMs, kIdleMs));
  }

  void take(Time now, const LinkEvent& event) {
    if (const auto* body = std::get_if<LinkBody>(&event)) {
      engine_.body(now, body->bytes);
    } else if (const auto* gone = std::get_if<LinkDisconnected>(&event)) {
      engine_.disconnected(now, gone->error);
      disconnected(gone->error);
    } else {
      lifecycle(Lifecycle::kConnected, {});
      engine_.connected(now);
    }
  }

  void take_work() {
    WorkQueue::Work work = queue_->take();
    for (const WorkQueue::Command& command : work.commands) command(engine_);
    for (const std::shared_ptr<AgentState>& agent : work.agents) {
      AgentState::Work left = agent->take_work();
      const SessionId session = agent->session();
      for (AgentInbox::Nack& nack : left.receipts.nacks) {
        engine_.nack(session, nack.number, nack.delay_ms, std::move(nack.reason));
      }
      for (const auto& [first, last] : left.receipts.acknowledged) {
        engine_.acknowledge(session, first, last);
      }
      if (!left.receipts.empty()) receipts_unsent_.push_back(agent);
      engine_.send(session, std::move(left.batch));
    }
    for (const std::shared_ptr<AgentState>& agent : work.closed) {
      engine_.detach(agent->session());
      agents_.erase(agent->session());
    }
  }

  void send() {
    while (!unsent_.empty() && link_->send(std::move(unsent_.front()))) unsent_.pop_front();
    if (!unsent_.empty() || !ready_here_) return;
    for (const std::shared_ptr<AgentState>& agent : receipts_unsent_) agent->receipts_sent();
    receipts_unsent_.clear();
  }

  void disconnected(const Error& error) {
    link_->disconnect();
    connected_ = false;
    unsent_.clear();
    const std::uint64_t now_ns = clock_.now().monotonic_ns;
    // One that is lost as soon as it is ready would otherwise come back at once, for ever.
    if (ready_here_ && now_ns >= ready_since_ns_ + kLongestBackoffNs) backoff_.reset();
    connect_due_ns_ = now_ns + backoff_.next_ns(random_);
    set_ready(false, error.text());
    lifecycle(Lifecycle::kDisconnected, error);
  }

  void on(const Ready&) {
    if (!connected_) return;  // It was lost in the same turn.
    ready_since_ns_ = clock_.now().monotonic_ns;
    set_ready(true, {});
    lifecycle(Lifecycle::kReady, {});
  }

  void on(const MustReconnect& event) { disconnected(event.error); }

  void on(const ConnectionEnded& event) {
    link_->disconnect();
    connected_ = false;
    ended_ = true;
    unsent_.clear();
    {
      const std::lock_guard lock(mutex_);
      end_ = event.error;
      ready_ = false;
      changed_.notify_all();
    }
    lifecycle(Lifecycle::kEnded, event.error);
  }

  void on(const Attached& event) {
    if (AgentState* agent = find(event.session)) agent->attached(event.agent);
  }
  void on(const AttachDelayed& event) {
    if (AgentState* agent = find(event.session)) agent->delayed(event.error);
  }
  void on(const Delivered&) {}  // deliver_stretch() has them
  void on(const Accepted& event) {
    if (AgentState* agent = find(event.session)) agent->accepted(event);
  }
  void on(const Refused& event) {
    if (AgentState* agent = find(event.session)) agent->refused(event);
  }
  void on(const SessionEnded& event) {
    if (AgentState* agent = find(event.session)) agent->ended(event.error);
    agents_.erase(event.session);
  }
  void on(const NameResolved& event) {
    for (const auto& [session, agent] : agents_) agent->resolved(event.name, event.channel);
  }
  void on(const PresenceHeard& event) const {
    if (on_presence_) on_presence_(event);
  }
  void on(const Responded& event) {
    const auto found = answers_.find(event.request_id);
    if (found == answers_.end()) return;
    const std::lock_guard lock(mutex_);
    found->second->response = event;
    answers_.erase(found);
    changed_.notify_all();
  }

  [[nodiscard]] AgentState* find(SessionId session) {
    const auto found = agents_.find(session);
    return found == agents_.end() ? nullptr : found->second.get();
  }

  void set_ready(bool ready, std::string error) {
    ready_here_ = ready;
    const std::lock_guard lock(mutex_);
    ready_ = ready;
    if (!ready) last_error_ = std::move(error);
    changed_.notify_all();
  }

  void lifecycle(Lifecycle stage, const Error& error) const {
    if (options_.on_lifecycle) options_.on_lifecycle(stage, error);
  }

  const HubClientOptions options_;
  const std::unique_ptr<Link> link_;
  const std::shared_ptr<WorkQueue> queue_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
  bool closed_ = false;
  std::optional<Error> end_;
  std::string last_error_;
  std::vector<std::weak_ptr<AgentState>> attached_;

  // The I/O thread's own.
  SystemClock clock_;
  ClientEngine engine_;
  Random random_;
  Backoff backoff_{50 * kNsPerMs, kLongestBackoffNs};
  Outputs out_;
  std::vector<Delivered> stretch_;
  std::deque<ByteBuffer> unsent_;
  std::vector<std::shared_ptr<AgentState>> receipts_unsent_;
  std::unordered_map<SessionId, std::shared_ptr<AgentState>> agents_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Answer>> answers_;
  OnPresence on_presence_;
  std::uint64_t connect_due_ns_ = 0;
  std::uint64_t ready_since_ns_ = 0;
  bool connected_ = false;
  bool ready_here_ = false;
  bool ended_ = false;
  bool stopping_ = false;

  std::mutex join_mutex_;
  std::thread thread_;  // last: it uses everything above
};

std::uint64_t system_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

Result<std::unique_ptr<Link>> make_link(HubClientOptions& options) {
  if (options.make_link) return options.make_link();
  if (options.endpoint.empty()) return {ErrorCode::kInvalidArgument, "no endpoint to connect to"};
  if (!options.zmq) {
    auto made = ZmqContext::make();
    if (!made.ok()) return made.error();
    options.zmq = std::move(made).value();
  }
  return make_zmq_link(options.zmq, options.endpoint, options.hub_key, std::move(options.keys));
}

}  // namespace

Result<std::unique_ptr<HubClient>> HubClient::open(HubClientOptions options) {
  auto link = make_link(options);
  if (!link.ok()) return link.error();
  const std::uint64_t seed = options.seed ? *options.seed : system_seed();
  return std::unique_ptr<HubClient>(
      std::make_unique<IoLoop>(std::move(options), std::move(link).value(), seed));
}

Result<ParamMap> HubClient::request(std::string operation, const ParamMap& params, int timeout_ms) {
  const bool reads = operation == "get_agent" || operation == "status";
  return request(std::move(operation), params, timeout_ms, reads ? Repeat::kYes : Repeat::kNo);
}

}  // namespace capstan
