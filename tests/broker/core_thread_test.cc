// The real threads and sockets, on a disk in memory that stalls when it is told to.
#include "core_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "capstan/codec/params.h"
#include "capstan/security/random.h"
#include "memory_env.h"
#include "recovery.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr int kPatienceMs = 20'000;

/// Stands still until it is moved.
class HandClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override {
    return {monotonic_ns_, std::uint64_t{1'700'000'000} * kNsPerSecond + monotonic_ns_};
  }
  void pass_ms(std::uint64_t ms) { monotonic_ns_ += ms * kNsPerMs; }

 private:
  std::atomic<std::uint64_t> monotonic_ns_ = 1'000 * kNsPerSecond;
};

AdmittedKey key_of(const std::string& name) { return {name, {}, {name}, AgentRole::kAgent}; }

/// A hub in this process: core, journal, reader, auth and admin threads.
class RunningHub {
 public:
  RunningHub() : RunningHub(context) {}
  /// The auth thread in another context than the sockets can end alone; another one is asked then.
  explicit RunningHub(zmq::context_t& auth_context) {
    EXPECT_TRUE(init_security().ok());
    JournalOptions options;
    options.directory = "/data";
    options.env = &disk;
    store_ = *JournalStore::open(options);
    auto recovered = *recover_state(*store_);
    auth_ = *AuthThread::start(auth_context, credentials_, Encryption::kNone);
    if (&auth_context != &context) {
      asked_instead_ = *AuthThread::start(context, credentials_, Encryption::kNone);
    }
    ServerSecurity security;
    security.encryption = Encryption::kNone;
    security.message_bytes_max = kBatchBytesMax;
    router_ = *Router::bind(context, security, credentials_, "tcp://127.0.0.1:*");
    admin_ = std::make_unique<AdminThread>(Layout{folder_ / "hub"}, credentials_);
    journal_ = std::make_unique<JournalThreads>(*store_);
    EXPECT_EQ(::pipe2(signals_, O_NONBLOCK | O_CLOEXEC), 0);
    core_ = std::thread([this, recovered = std::move(recovered)]() mutable {
      CoreThread core({clock, *router_, *store_, *journal_, *admin_, *auth_, signals_[0]});
      exit_code = core.run(HubConfig{}, std::move(recovered.state), recovered.start,
                           {key_of("alice"), key_of("bob")}, {});
    });
  }
  ~RunningHub() {
    disk.stall_syncs(false);
    signalfd_siginfo stop{};
    stop.ssi_signo = SIGTERM;
    EXPECT_EQ(::write(signals_[1], &stop, sizeof stop), static_cast<ssize_t>(sizeof stop));
    if (core_.joinable()) core_.join();
    for (const int fd : signals_) ::close(fd);
  }
  RunningHub(const RunningHub&) = delete;
  RunningHub& operator=(const RunningHub&) = delete;

  [[nodiscard]] const std::string& endpoint() const { return router_->endpoint(); }
  /// What the process would end with, once the hub ends by itself.
  [[nodiscard]] int wait_for_end() {
    core_.join();
    return exit_code;
  }

  zmq::context_t context;
  MemoryEnv disk;
  HandClock clock;
  std::atomic<int> exit_code = -1;

 private:
  const TemporaryFolder folder_;
  CredentialStore credentials_;
  std::unique_ptr<JournalStore> store_;
  std::unique_ptr<AuthThread> auth_;
  std::unique_ptr<AuthThread> asked_instead_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<AdminThread> admin_;
  std::unique_ptr<JournalThreads> journal_;
  int signals_[2] = {-1, -1};
  std::thread core_;
};

/// One connection that speaks frames.
class Peer {
 public:
  explicit Peer(RunningHub& hub) : socket_(hub.context, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.connect(hub.endpoint());
    say(Hello{1, 0, {}, "test"});
    hear_until(FrameType::kWelcome);
  }

  template <typename Frame>
  void say(const Frame& frame) {
    BodyWriter body;
    body.write(frame);
    const ByteBuffer bytes = body.take();
    socket_.send(zmq::buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }
  void attach(const std::string& agent, AttachMode mode) {
    say(Attach{1, 1, agent, mode, {}, 1'000, 1 << 20, 7, 1});
    const Bytes frame = hear_until(FrameType::kResponse);
    const auto response = decode_control(frame);
    ASSERT_TRUE(response.ok());
    const auto params = decode_params(std::get<Response>(*response).result);
    ASSERT_TRUE(params.ok());
    const auto id = params->bytes("agent_id");
    ASSERT_TRUE(id && id->size() == 16);
    agent_id = AgentId::from_bytes(id->data());
  }
  void send(std::uint64_t number, AgentId to) {
    Envelope envelope;
    envelope.channel_id = mailbox_of(to);
    envelope.event_data = encode_text_event("text");
    ByteBuffer bytes;
    encode_envelope(envelope, bytes);
    say(SendView{1, number, bytes});
  }
  /// The next frame of this type; others that are errors or goodbyes are failures.
  Bytes hear_until(FrameType type) {
    while (true) {
      while (const auto frame = next_frame()) {
        const std::uint8_t heard = peek_type(*frame).value_or(0);
        if (heard == static_cast<std::uint8_t>(type)) return *frame;
        EXPECT_NE(heard, static_cast<std::uint8_t>(FrameType::kBye));
        EXPECT_NE(heard, static_cast<std::uint8_t>(FrameType::kError));
      }
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      if (zmq::poll(&item, 1, std::chrono::milliseconds(kPatienceMs)) != 1) {
        ADD_FAILURE() << "nothing is heard";
        return {};
      }
      (void)socket_.recv(body_, zmq::recv_flags::none);
      row_.emplace(Bytes{static_cast<const std::uint8_t*>(body_.data()), body_.size()});
    }
  }

  AgentId agent_id;

 private:
  std::optional<Bytes> next_frame() { return row_ ? row_->next() : std::nullopt; }

  zmq::socket_t socket_;
  zmq::message_t body_;
  std::optional<FrameRow> row_;
};

// Goal: a hub that nobody can enter does not go on as if it were ready.
TEST(CoreThread, TheEndOfTheAuthThreadEndsTheHubWith70) {
  zmq::context_t elsewhere;
  RunningHub hub(elsewhere);
  elsewhere.shutdown();
  EXPECT_EQ(hub.wait_for_end(), 70);
}

/// alice's envelope to bob is on its way to the disk, which stands still.
void send_into_a_stalled_sync(RunningHub& hub, Peer& alice, Peer& bob) {
  bob.attach("bob", AttachMode::kReceive);
  alice.attach("alice", AttachMode::kPost);
  hub.disk.stall_syncs(true);
  alice.send(1, bob.agent_id);
  hub.disk.wait_for_stalled_sync();
}

// Goal: it ends as at SIGTERM. Method: an envelope is on its way to the disk when the thread ends;
// its sender hears that the envelope is accepted, and that the hub stops.
TEST(CoreThread, TheEndOfTheAuthThreadDrainsBeforeTheHubEnds) {
  zmq::context_t elsewhere;
  RunningHub hub(elsewhere);
  Peer alice(hub);
  Peer bob(hub);
  send_into_a_stalled_sync(hub, alice, bob);
  elsewhere.shutdown();
  hub.disk.stall_syncs(false);
  alice.hear_until(FrameType::kAccept);
  alice.hear_until(FrameType::kBye);
  EXPECT_EQ(hub.wait_for_end(), 70);
}

// Goal: a disk that stalls costs time, never a session. Method: block the journal thread in its
// sync, let more than a lease pass on the hub's clock, and hear an answer to every heartbeat.
TEST(CoreThread, AStallOfTheDiskEndsNoSession) {
  RunningHub hub;
  Peer alice(hub);
  Peer bob(hub);
  send_into_a_stalled_sync(hub, alice, bob);
  for (std::uint64_t nonce = 1; nonce <= 7; ++nonce) {
    hub.clock.pass_ms(2'000);
    for (Peer* peer : {&alice, &bob}) {
      peer->say(Ping{nonce});
      peer->hear_until(FrameType::kPong);
    }
  }
  alice.send(2, bob.agent_id);
  hub.disk.stall_syncs(false);
  alice.hear_until(FrameType::kAccept);
  bob.hear_until(FrameType::kNotify);
  alice.send(3, bob.agent_id);
  alice.hear_until(FrameType::kAccept);
  bob.hear_until(FrameType::kNotify);
}

// Goal: a disk that takes no more ends the process loudly: what it has said is durable stays true.
TEST(CoreThread, ASyncThatFailsEndsTheHubWith74) {
  RunningHub hub;
  Peer alice(hub);
  Peer bob(hub);
  bob.attach("bob", AttachMode::kReceive);
  alice.attach("alice", AttachMode::kPost);
  alice.send(1, bob.agent_id);
  alice.hear_until(FrameType::kAccept);
  hub.disk.fail_sync_after(0);
  alice.send(2, bob.agent_id);
  EXPECT_EQ(hub.wait_for_end(), 74);
}

}  // namespace
}  // namespace capstan
