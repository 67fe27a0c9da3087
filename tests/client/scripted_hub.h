// The hub's side of a conversation, in a test's hands: reads what a client wrote, writes answers.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/limits.h"
#include "capstan/codec/params.h"

namespace capstan::test {

struct Sent {
  SessionId session = 0;
  std::uint64_t number = 0;
  ByteBuffer envelope;  ///< Empty: a skip.
};

inline AgentId agent_named(char letter) {
  AgentId id;
  id.bytes.fill(static_cast<std::uint8_t>(letter));
  return id;
}

inline EnvelopeId id_of(std::uint64_t n) { return EnvelopeId::make(1'000'000, 0, Sequence{n}); }

inline ByteBuffer envelope_to(char letter, std::size_t payload = 16) {
  Envelope envelope;
  envelope.channel_id = mailbox_of(agent_named(letter));
  envelope.event_data = encode_text_event(std::string(payload, 'x'));
  ByteBuffer bytes;
  encode_envelope(envelope, bytes);
  return bytes;
}

inline Welcome welcome(std::uint64_t window_envelopes = 1000) {
  Welcome frame;
  frame.version_major = kWireVersionMajor;
  frame.envelope_bytes_max = kEnvelopeBytesMax;
  frame.batch_bytes_max = kBatchBytesMax;
  frame.window = {window_envelopes, 1024 * 1024};
  frame.heartbeat_ms = 1000;
  frame.lease_ms = 10'000;
  return frame;
}

inline Response attached(std::uint64_t request_id, char letter) {
  const AgentId agent = agent_named(letter);
  Response response;
  response.request_id = request_id;
  response.result =
      encode_params(ParamMap()
                        .set("agent_id", ByteBuffer(agent.bytes.begin(), agent.bytes.end()))
                        .set("floor", std::uint64_t{0}));
  return response;
}

/// Everything that a client has written, by kind.
struct Heard {
  std::vector<Hello> hellos;
  std::vector<Attach> attaches;
  std::deque<Sent> sent;
  std::vector<Receipt> receipts;
  std::vector<Request> requests;
  std::vector<Ping> pings;
  std::vector<Subscribe> subscribes;
  std::vector<Unsubscribe> unsubscribes;
  std::vector<SessionId> byes;  ///< Whom they name; 0: the connection.
  std::size_t largest_body = 0;

  /// False when a frame could not be read. As at the hub, nothing counts behind a goodbye of the
  /// connection.
  bool read(Bytes body) {
    largest_body = std::max(largest_body, body.size());
    FrameRow row(body);
    while (const auto frame = row.next()) {
      const auto type = peek_type(*frame);
      if (!type) return false;
      if (*type == static_cast<std::uint8_t>(FrameType::kSend)) {
        const auto send = decode_send(*frame);
        if (!send) return false;
        sent.push_back(
            {send->session, send->number, {send->envelope.begin(), send->envelope.end()}});
      } else if (*type == static_cast<std::uint8_t>(FrameType::kReceipt)) {
        const auto receipt = decode_receipt(*frame);
        if (!receipt) return false;
        receipts.push_back(*receipt);
      } else {
        const auto control = decode_control(*frame);
        if (!control.ok()) return false;
        if (const auto* hello = std::get_if<Hello>(&*control)) hellos.push_back(*hello);
        if (const auto* attach = std::get_if<Attach>(&*control)) attaches.push_back(*attach);
        if (const auto* request = std::get_if<Request>(&*control)) requests.push_back(*request);
        if (const auto* ping = std::get_if<Ping>(&*control)) pings.push_back(*ping);
        if (const auto* wish = std::get_if<Subscribe>(&*control)) subscribes.push_back(*wish);
        if (const auto* wish = std::get_if<Unsubscribe>(&*control)) unsubscribes.push_back(*wish);
        if (const auto* bye = std::get_if<Bye>(&*control)) byes.push_back(bye->session);
        if (!byes.empty() && byes.back() == 0) return true;
      }
    }
    return row.well_formed();
  }

  /// Numbers of the sends since the last call; a skip is negative.
  std::vector<std::int64_t> take_numbers() {
    std::vector<std::int64_t> numbers;
    for (const Sent& send : sent) {
      const auto number = static_cast<std::int64_t>(send.number);
      numbers.push_back(send.envelope.empty() ? -number : number);
    }
    sent.clear();
    return numbers;
  }
};

}  // namespace capstan::test
