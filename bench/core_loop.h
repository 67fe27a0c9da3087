// A core with two agents in a loop of its own, without sockets and without a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/codec/frame.h"
#include "capstan/core/hub.h"

namespace capstan::bench {

/// Agent "a" posts, agent "b" receives with all the credit there is; every commit is durable as
/// soon as it is asked for.
class CoreLoop {
 public:
  /// Of both agents, each on its connection.
  static constexpr SessionId kSession = 1;

  CoreLoop();

  /// That of "b".
  [[nodiscard]] ChannelId mailbox() const;

  /// Everything that a body part of "a" causes, up to the frames for "b"; returns their octets.
  std::size_t route(Bytes body);

  /// What "b" has got, up to this delivery.
  void acknowledge_up_to(std::uint64_t delivery);

 private:
  void attach(ConnectionId connection, AdmittedKey identity, AttachMode mode);
  void tell(Event event);
  /// Until there is nothing left to answer.
  void settle(std::vector<Event> events);
  std::vector<Event> carry_out(const Effects& effects);

  Time now_{1'000'000'000, 1'700'000'000'000'000'000};
  std::unique_ptr<Hub> hub_;
  std::size_t received_bytes_ = 0;
};

}  // namespace capstan::bench
