// What the processes of the floor say to each other: one body part per ZeroMQ message.
#pragma once

#include <cstdint>
#include <cstring>

#include "capstan/base/bytes.h"
#include "capstan/base/check.h"
#include "zmq_socket.h"

namespace capstan::bench {

enum class FloorType : std::uint64_t {
  kHello,    ///< Consumer or producer → hub, answered by the same.
  kBatch,    ///< Producer → hub → consumer: envelopes.
  kAccept,   ///< Hub → producer: every batch up to `number` is committed.
  kReceipt,  ///< Consumer → hub: every batch up to `number` has been heard.
  kEnd,      ///< Producer → hub → consumer: there is no batch after `number`.
};

/// Stands at the front of every message, in the byte order of the machine.
struct FloorHead {
  FloorType type = FloorType::kHello;
  std::uint64_t number = 0;        ///< Batches of a run are numbered from 1.
  std::uint64_t count = 0;         ///< Envelopes in this batch.
  std::uint64_t first_index = 0;   ///< Envelopes of a run are numbered from 0.
  std::uint64_t first_due_ns = 0;  ///< When the first envelope should have been sent.
  std::uint64_t interval_ns = 0;   ///< Between the due times of two envelopes; closed loop: 0.
};

/// Before each envelope of a batch; `index` counts as a part of the payload.
struct FloorEnvelope {
  std::uint32_t payload_bytes = 0;
};

inline constexpr std::size_t kFloorEnvelopeHead = sizeof(FloorEnvelope);

[[nodiscard]] inline Message floor_message(const FloorHead& head, std::size_t body_bytes = 0) {
  Message message(sizeof head + body_bytes);
  std::memcpy(message.data(), &head, sizeof head);
  return message;
}

[[nodiscard]] inline FloorHead floor_head(const Message& message) {
  CAPSTAN_CHECK(message.bytes().size() >= sizeof(FloorHead));
  FloorHead head;
  std::memcpy(&head, message.bytes().data(), sizeof head);
  return head;
}

[[nodiscard]] inline Bytes floor_body(const Message& message) {
  return message.bytes().subspan(sizeof(FloorHead));
}

}  // namespace capstan::bench
