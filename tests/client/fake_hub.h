// A hub with a mind of its own, for tests of the whole client.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "capstan/client/hub_client.h"
#include "capstan/client/memory_link.h"
#include "scripted_hub.h"

namespace capstan::test {

inline constexpr int kPatienceMs = 10'000;

/// A hub of one thread on a memory wire: admits everybody but "mallory", and "later" while it has
/// room, stores what comes, and delivers to the session that posted it when that session receives.
class FakeHub {
 public:
  FakeHub() : wire_(std::make_shared<MemoryWire>()), thread_([this] { run(); }) {}
  ~FakeHub() {
    stop_ = true;
    wire_->cut({ErrorCode::kUnavailable, "the test is over"});
    thread_.join();
  }

  [[nodiscard]] Result<std::unique_ptr<HubClient>> open_client() const {
    HubClientOptions options;
    options.endpoint = "memory";
    options.make_link = [wire = wire_] { return wire->make_link(); };
    options.outbox_envelopes_max = 100;
    options.seed = 3;
    return HubClient::open(std::move(options));
  }
  MemoryWire& wire() { return *wire_; }
  std::atomic<bool> accepting = true;
  std::atomic<bool> has_room = false;
  std::atomic<std::uint64_t> stored = 0;
  ParamMap registered;  ///< Params of the last registration; look after its answer.
  /// What the receiver of this name has told last. Waits until it is at least `credit`.
  std::uint64_t wait_for_credit(const std::string& name, std::uint64_t credit) {
    std::unique_lock lock(mutex_);
    heard_credit_.wait_for(lock, std::chrono::milliseconds(kPatienceMs),
                           [&] { return credit_[name] >= credit; });
    return credit_[name];
  }
  /// Whether the receiver of this name has said goodbye, or does so soon.
  bool wait_for_goodbye(const std::string& name) {
    std::unique_lock lock(mutex_);
    return heard_goodbye_.wait_for(lock, std::chrono::milliseconds(kPatienceMs),
                                   [&] { return gone_.count(name) != 0; });
  }

 private:
  static ParamMap described(const std::string& name) {
    return ParamMap()
        .set("name", name)
        .set("agent_id", ByteBuffer(16, static_cast<std::uint8_t>(name[0])))
        .set("presence", std::string("online"))
        .set("registered", true)
        .set("version", std::uint64_t{4})
        .set("durability", std::string("written"));
  }
  /// One agent a page, and an empty page between them.
  static ByteBuffer page(const ParamMap& params) {
    const std::string after = params.text("after").value_or("");
    std::vector<ParamMap> agents;
    if (after.empty()) agents.push_back(described("alice"));
    if (after == "b") agents.push_back(described("carol"));
    const std::string last = after.empty() ? "a" : after == "a" ? "b" : "c";
    return encode_params(
        ParamMap().set("agents", std::move(agents)).set("after", last).set("more", last != "c"));
  }

  void run() {
    while (!stop_) {
      if (!wire_->grant(10)) continue;
      receiving_.clear();
      while (auto body = wire_->receive(kPatienceMs)) answer(*body);
    }
  }

  void answer(const ByteBuffer& body) {
    Heard heard;
    if (!heard.read(body)) return wire_->cut({ErrorCode::kMalformedFrame, "broken"});
    BodyWriter out;
    for (std::size_t i = 0; i < heard.hellos.size(); ++i) out.write(welcome());
    for (const Attach& attach : heard.attaches) {
      Response response = attached(attach.request_id, 'A');
      if (attach.agent == "mallory")
        response = {attach.request_id, ErrorCode::kAccessDenied, "", {}};
      if (attach.agent == "later" && !has_room)
        response = {attach.request_id, ErrorCode::kUnavailable, "too many agents", {}};
      if (attach.mode == AttachMode::kReceive) {
        receiving_[attach.session] = 0;
        names_[attach.session] = attach.agent;
        take_credit(attach.session, attach.credit_until);
      }
      out.write(response);
    }
    for (const Request& request : heard.requests) answer(request, out);
    for (std::size_t i = 0; i < heard.subscribes.size(); ++i) {
      out.write(Presence{true, 1, false, {{agent_named('B'), "bob", PresenceState::kOnline, 7}}});
    }
    for (const Sent& sent : heard.sent) store(sent, out);
    for (const Receipt& receipt : heard.receipts) {
      take_credit(receipt.session, receipt.credit_until);
    }
    for (const SessionId session : heard.byes) take_goodbye(session);
    if (!out.empty()) wire_->send(out.take());
  }

  void take_goodbye(SessionId session) {
    const std::lock_guard lock(mutex_);
    if (session != 0) gone_.insert(names_[session]);
    heard_goodbye_.notify_all();
  }

  void take_credit(SessionId session, std::uint64_t credit_until) {
    const std::lock_guard lock(mutex_);
    std::uint64_t& credit = credit_[names_[session]];
    credit = std::max(credit, credit_until);
    heard_credit_.notify_all();
  }

  void answer(const Request& request, BodyWriter& out) {
    Response response = attached(request.request_id, 'B');
    const auto params = decode_params(request.params);
    if (request.operation == "register" || request.operation == "unregister") {
      registered = *params;
      response.result = encode_params(ParamMap().set("version", std::uint64_t{4}));
    }
    if (request.operation == "list_agents") response.result = page(*params);
    if (request.operation == "get_agent" && params->flag("profile")) {
      response.result = encode_params(described("bob").set("skill_md", std::string("# how")));
    }
    const auto name = params.ok() ? params->text("name") : std::nullopt;
    if (name == "nobody") response = {request.request_id, ErrorCode::kNotFound, "no agent", {}};
    out.write(response);
  }

  void store(const Sent& sent, BodyWriter& out) {
    if (!accepting) return;
    const bool skip = sent.envelope.empty();
    out.write(Accept{sent.session,
                     sent.number,
                     1,
                     skip ? EnvelopeId{} : id_of(sent.number),
                     {1000, 1024 * 1024}});
    if (skip || !numbers_.emplace(sent.session, sent.number).second) return;
    ++stored;
    const auto session = receiving_.find(sent.session);
    if (session == receiving_.end()) return;
    ByteBuffer envelope = sent.envelope;
    stamp_envelope(envelope.data(), id_of(sent.number), 1, mailbox_of(agent_named('B')),
                   agent_named('A'));
    out.write(NotifyView{sent.session, ++session->second, 1, Position{sent.number}, envelope});
  }

  std::shared_ptr<MemoryWire> wire_;
  std::atomic<bool> stop_ = false;
  std::map<SessionId, std::uint64_t> receiving_;
  std::set<std::pair<SessionId, std::uint64_t>> numbers_;
  std::map<SessionId, std::string> names_;
  std::mutex mutex_;
  std::condition_variable heard_credit_;
  std::condition_variable heard_goodbye_;
  std::set<std::string> gone_;
  std::map<std::string, std::uint64_t> credit_;
  std::thread thread_;
};

}  // namespace capstan::test
