#include "auth/auth_thread.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "auth/self_test.h"
#include "capstan/base/check.h"

namespace capstan {
namespace {

constexpr const char* kHandlerEndpoint = "inproc://zeromq.zap.01";

Error system_error(const char* what, int number) {
  return {ErrorCode::kIo, std::string(what) + ": " + std::generic_category().message(number)};
}

Bytes bytes_of(const zmq::message_t& message) {
  return {message.data<std::uint8_t>(), message.size()};
}

/// Signals are for main(): a thread started inside this scope blocks them all.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

/// The socket, the signal to stop, and the answering. Made by start(), then used by the thread
/// alone, but for stop() and set_uncounted().
class AuthThread::Handler {
 public:
  Handler(zmq::context_t& context, const CredentialStore& credentials, Encryption encryption)
      : context_(context),
        credentials_(credentials),
        encryption_(encryption),
        socket_(context, zmq::socket_type::rep),
        stop_signal_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    socket_.set(zmq::sockopt::linger, 0);
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() {
    // Closing alone gives the name back some time later, and the next handler could not bind.
    zmq_unbind(socket_.handle(), kHandlerEndpoint);
    if (stop_signal_ >= 0) ::close(stop_signal_);
  }

  [[nodiscard]] Status bind() {
    if (stop_signal_ < 0) return system_error("eventfd", errno);
    if (zmq_bind(socket_.handle(), kHandlerEndpoint) == 0) return {};
    if (zmq_errno() == EADDRINUSE) {
      return {ErrorCode::kAlreadyExists, "this context has an authentication handler already"};
    }
    return {ErrorCode::kIo, std::string(kHandlerEndpoint) + ": " + zmq_strerror(zmq_errno())};
  }

  void stop() {
    const std::uint64_t one = 1;
    CAPSTAN_CHECK(::write(stop_signal_, &one, sizeof one) == sizeof one);
  }

  /// Waits for a request or for stop(), which returns false.
  [[nodiscard]] bool wait() {
    std::array<zmq::pollitem_t, 2> items{
        {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, stop_signal_, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(-1));
    return items[1].revents == 0;
  }

  /// Takes one request, if there is one. The reply is kept until send_reply(), so that the caller
  /// can count before the peer knows.
  [[nodiscard]] bool take_request() {
    frames_.clear();
    zmq::message_t frame;
    if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return false;
    for (;;) {
      const bool more = frame.more();
      // One more than any request has is enough to see that there are too many.
      if (frames_.size() <= kZapFramesMax) frames_.push_back(std::move(frame));
      if (!more) break;
      frame = zmq::message_t();
      static_cast<void>(socket_.recv(frame, zmq::recv_flags::none));
    }
    reply_ = answer_zap(views(), *credentials_.current(), encryption_, random_routing_identity());
    return true;
  }

  /// Whether the request that was taken is refused, and does not come from the self-test.
  [[nodiscard]] bool refuses_a_visitor() {
    if (reply_.status == ZapStatus::kAdmitted) return false;
    const Result<ZapRequest> request = parse_zap(views());
    const std::lock_guard lock(mutex_);
    return !request || !request->curve_key || request->curve_key != uncounted_;
  }

  [[nodiscard]] zmq::context_t& context() { return context_; }

  void send_reply() {
    const std::array<ByteBuffer, 6> frames = encode_zap_reply(reply_);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool last = i + 1 == frames.size();
      socket_.send(zmq::buffer(frames[i]), last ? zmq::send_flags::none : zmq::send_flags::sndmore);
    }
  }

  /// The self-test's key, while it knocks.
  void set_uncounted(std::optional<PublicKey> key) {
    const std::lock_guard lock(mutex_);
    uncounted_ = key;
  }

  std::thread thread;

 private:
  [[nodiscard]] std::vector<Bytes> views() const {
    std::vector<Bytes> views;
    for (const zmq::message_t& frame : frames_) views.push_back(bytes_of(frame));
    return views;
  }

  zmq::context_t& context_;
  const CredentialStore& credentials_;
  const Encryption encryption_;
  zmq::socket_t socket_;
  const int stop_signal_;
  std::vector<zmq::message_t> frames_;
  ZapReply reply_;
  std::mutex mutex_;
  std::optional<PublicKey> uncounted_;
};

Result<std::unique_ptr<AuthThread>> AuthThread::start(zmq::context_t& context,
                                                      const CredentialStore& credentials,
                                                      Encryption encryption) try {
  auto handler = std::make_unique<Handler>(context, credentials, encryption);
  if (Status bound = handler->bind(); !bound) return bound.error();
  std::unique_ptr<AuthThread> auth(new AuthThread(std::move(handler)));
  const SignalsBlocked blocked;
  auth->handler_->thread = std::thread([auth = auth.get()] { auth->run(); });
  pthread_setname_np(auth->handler_->thread.native_handle(), "capstan-auth");
  return auth;
} catch (const zmq::error_t& error) {
  return {ErrorCode::kIo, error.what()};
} catch (const std::system_error& error) {
  return {ErrorCode::kIo, error.what()};
}

AuthThread::AuthThread(std::unique_ptr<Handler> handler) : handler_(std::move(handler)) {}

AuthThread::~AuthThread() {
  if (!handler_->thread.joinable()) return;
  handler_->stop();
  handler_->thread.join();
}

void AuthThread::run() {
  while (running_) {
    try {
      if (!handler_->wait()) break;
      if (!handler_->take_request()) continue;
      // Counted first: whoever has heard the answer finds it in the counter.
      if (handler_->refuses_a_visitor()) ++refused_;
      handler_->send_reply();
    } catch (const zmq::error_t& error) {
      // EINTR: a debugger. Anything else does not get better by going on; the door stays shut.
      if (error.num() == EINTR) continue;
      spdlog::error("auth=ended error=\"{}\" reason=\"nobody can enter any more\"", error.what());
      break;
    }
  }
  running_ = false;
}

Status AuthThread::self_test(const ServerSecurity& security) {
  if (security.encryption == Encryption::kNone) {
    return require_null_user(handler_->context(), security);
  }
  const KeyPair stranger = generate_key_pair();
  handler_->set_uncounted(stranger.public_key);
  Status result = require_refusal(handler_->context(), security, stranger);
  handler_->set_uncounted(std::nullopt);
  return result;
}

}  // namespace capstan
