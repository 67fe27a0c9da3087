// A client engine and the hub's side of its conversation, under a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capstan/client/engine.h"
#include "scripted_hub.h"

namespace capstan::test {

using Numbers = std::vector<std::int64_t>;

/// One engine, and the hub's side of its conversation under a clock that the test moves.
class Conversation {
 public:
  Conversation() : engine_({}, 7) {}

  ClientEngine& engine() { return engine_; }
  Heard heard;

  // ---- The client's side.
  SessionId session(SessionOptions options = {}) {
    if (options.agent.empty()) options.agent = "alice";
    return engine_.attach(std::move(options));
  }
  SessionId receiver(std::uint64_t credit = 4096, std::optional<std::uint64_t> max = {}) {
    SessionOptions options;
    options.mode = AttachMode::kReceive;
    options.credit_envelopes = credit;
    options.deliveries_max = max;
    return session(options);
  }
  void post(SessionId session, std::string_view letters, std::size_t payload = 16) {
    PostBatch batch;
    for (const char letter : letters) {
      append(batch.bytes, envelope_to(letter, payload));
      batch.ends.push_back(static_cast<std::uint32_t>(batch.bytes.size()));
    }
    engine_.send(session, std::move(batch));
    turn();
  }
  void post_to_name(SessionId session, const std::string& name) {
    PostBatch batch;
    batch.bytes = envelope_to('\0');
    batch.ends.push_back(static_cast<std::uint32_t>(batch.bytes.size()));
    batch.names.emplace_back(0U, name);
    engine_.send(session, std::move(batch));
    turn();
  }
  void acknowledge(SessionId session, std::uint64_t first, std::uint64_t last) {
    engine_.acknowledge(session, first, last);
    turn();
  }

  // ---- The hub's side.
  void greet() {
    engine_.connected(now_);
    turn();
  }
  void open(std::uint64_t window = 1000) {
    greet();
    say(test::welcome(window));
  }
  void admit() {
    for (const Attach& attach : std::exchange(heard.attaches, {})) {
      say(test::attached(attach.request_id, 'A'));
    }
  }
  void open_and_admit(std::uint64_t window = 1000) {
    open(window);
    admit();
  }
  void lose() {
    engine_.disconnected(now_, {ErrorCode::kUnavailable, "cut"});
    turn();
  }
  template <typename... Frame>
  void say(const Frame&... frames) {
    BodyWriter writer;
    (writer.write(frames), ...);
    const ByteBuffer body = writer.take();
    engine_.body(now_, body);
    turn();
  }
  void accept(SessionId session, std::uint64_t first, std::uint64_t count = 1,
              std::uint64_t window = 1000) {
    say(Accept{session, first, count, id_of(first), {window, 1024 * 1024}});
  }
  void accept_skip(SessionId session, std::uint64_t number) {
    say(Accept{session, number, 1, {}, {1000, 1024 * 1024}});
  }
  void refuse(SessionId session, std::uint64_t number, ErrorCode code) {
    say(ErrorFrame{session, FrameType::kSend, number, code, "no"});
  }
  void end_session(SessionId session, ErrorCode code) {
    say(ErrorFrame{session, FrameType::kNone, 0, code, "over"});
  }
  void notify(SessionId session, std::uint64_t delivery, std::uint64_t position,
              std::uint32_t attempt = 1) {
    ByteBuffer envelope = envelope_to('A');
    stamp_envelope(envelope.data(), id_of(position), 1, mailbox_of(agent_named('A')),
                   agent_named('B'));
    say(NotifyView{session, delivery, attempt, Position{position}, envelope});
  }

  // ---- Time and what came out.
  void pass_ms(std::uint64_t ms) {
    now_.monotonic_ns += ms * kNsPerMs;
    turn();
  }
  void turn() {
    engine_.tick(now_);
    Outputs out;
    engine_.flush(now_, out);
    for (const ByteBuffer& body : out.bodies) ASSERT_TRUE(heard.read(body));
    for (ClientEvent& event : out.events) {
      if (auto* delivered = std::get_if<Delivered>(&event)) delivered->envelope = {};
      events_.push_back(std::move(event));
    }
  }
  /// The events of one kind since the last call.
  template <typename Kind>
  std::vector<Kind> take() {
    std::vector<Kind> kind;
    ClientEvents rest;
    for (ClientEvent& event : events_) {
      if (auto* wanted = std::get_if<Kind>(&event)) {
        kind.push_back(std::move(*wanted));
      } else {
        rest.push_back(std::move(event));
      }
    }
    events_ = std::move(rest);
    return kind;
  }

 private:
  Time now_{1'000 * kNsPerSecond, 1'000 * kNsPerSecond};
  ClientEngine engine_;
  ClientEvents events_;
};

}  // namespace capstan::test
