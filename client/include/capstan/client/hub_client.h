// A connection to a hub that keeps itself up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "capstan/client/agent_client.h"
#include "capstan/client/agent_info.h"
#include "capstan/client/engine.h"
#include "capstan/client/link.h"
#include "capstan/client/zmq_link.h"
#include "capstan/codec/params.h"
#include "capstan/security/key.h"

namespace capstan {

enum class Lifecycle : std::uint8_t { kConnecting, kConnected, kReady, kDisconnected, kEnded };

struct HubClientOptions {
  std::string endpoint;              ///< tcp://HOST:PORT or ipc://PATH.
  std::optional<PublicKey> hub_key;  ///< Empty: no CURVE.
  KeyPair keys;
  int connect_timeout_ms = 5'000;  ///< What wait_ready() waits for; trying never ends.
  /// Unaccepted envelopes per agent; send() waits above it.
  std::size_t outbox_envelopes_max = 65'536;
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
  std::string client = "capstan-client/1";  ///< Named in the hub's log.
  /// Runs on the I/O thread: must not block, nor call the client. The error is kOk but for
  /// kDisconnected and kEnded.
  std::function<void(Lifecycle, const Error&)> on_lifecycle;
  /// The process's context, where it has one already; empty: the client makes its own.
  std::shared_ptr<ZmqContext> zmq;
  /// For tests and in-process hubs; empty: ZeroMQ.
  std::function<std::unique_ptr<Link>()> make_link;
  /// Of the back-off's jitter, the numbering epochs and request ids; empty: from the system.
  std::optional<std::uint64_t> seed;
};

/// One connection with one I/O thread, for many agents. Thread-safe.
class HubClient {
 public:
  virtual ~HubClient() = default;

  /// Starts; does not wait for the hub.
  /// Errors: kInvalidArgument: the endpoint is empty. kIo: no resources.
  [[nodiscard]] static Result<std::unique_ptr<HubClient>> open(HubClientOptions options);

  /// Waits for a ready connection, at most `timeout_ms` (-1: the connect timeout).
  /// Errors: kUnavailable: no hub so far, still trying. kInvalidArgument: the endpoint cannot be
  ///         used. kRefusedHandshake, kAccessDenied, kSuperseded, kUnsupportedVersion: the
  ///         connection has ended.
  [[nodiscard]] virtual Status wait_ready(int timeout_ms = -1) = 0;

  /// Errors: the hub's refusal, also one that is for now and was repeated until attach_timeout_ms
  ///         was over; kUnavailable: no answer within it; kInvalidArgument: the name is too long
  ///         for an agent's; the connection's error when it has ended; kClosed.
  [[nodiscard]] virtual Result<std::shared_ptr<AgentClient>> attach(AgentOptions options) = 0;

  /// Any operation by name. With Repeat::kYes a request whose answer was lost, or that a stopping
  /// hub has not done, is sent again, until `timeout_ms` is over (negative: for ever).
  /// Errors: the hub's refusal; kTimeout; kOutcomeUnknown: the connection was lost in between;
  ///         kTooLarge: above kControlFrameBytesMax, nothing was sent.
  [[nodiscard]] virtual Result<ParamMap> request(std::string operation, const ParamMap& params,
                                                 int timeout_ms, Repeat repeat) = 0;
  /// Repeats `get_agent` and `status`, which change nothing.
  [[nodiscard]] Result<ParamMap> request(std::string operation, const ParamMap& params,
                                         int timeout_ms);

  /// Says who the agent is: completes the identity of a name that this connection's key may use.
  /// Replaces all that was said before, and returns the agent's new version. The hub keeps it over
  /// its restarts: once is enough. An answer that was lost is asked for again, so that the version
  /// may have grown by more than one.
  /// Errors: kAccessDenied: not the key's name. kInvalidArgument: a part is too long, or no map.
  ///         kTooLarge: the parts are far too long; as in request().
  [[nodiscard]] Result<std::uint64_t> register_agent(const std::string& name,
                                                     const AgentProfile& profile, int timeout_ms);
  /// Takes it back: the agent's sessions end, here and elsewhere, and what it said is forgotten.
  /// Its id, and the mail that waits for it, stay.
  [[nodiscard]] Status unregister_agent(const std::string& name, int timeout_ms);
  /// One agent, with what it says about itself. Errors: kNotFound.
  [[nodiscard]] Result<AgentInfo> get_agent(const std::string& name, int timeout_ms);
  /// All that the filter lets through, sorted by name. `timeout_ms` is that of each page.
  [[nodiscard]] Result<std::vector<AgentInfo>> list_agents(const AgentFilter& filter,
                                                           int timeout_ms);

  /// From now on, and over reconnects, hears who comes and goes, beginning with everybody. The next
  /// call replaces the callback; an empty one ends it. Not ordered with mail.
  virtual void on_presence(OnPresence callback) = 0;

  /// drain() of every agent. Errors: the first agent's that failed.
  [[nodiscard]] virtual Status drain(int timeout_ms) = 0;

  /// Says goodbye, behind what was acknowledged before, and ends the I/O thread; agents end with
  /// kClosed, and their callbacks have returned. Called by the destructor. An agent's callback may
  /// call it, and does not wait for callbacks: the next close() that no callback calls does.
  /// Several threads may at once.
  virtual void close() = 0;
};

}  // namespace capstan
