#include "floor_handshake.h"

#include "floor_wire.h"

namespace capstan::bench {

Result<std::unique_ptr<Socket>> connect_and_greet(const Context& context, const RunSpec& spec,
                                                  FloorRole role) {
  constexpr long kAnswerMs = 10'000;
  auto dealer = Socket::connect_dealer(context, spec.endpoint, spec.hub_public_key);
  if (!dealer) return dealer;
  FloorHead hello;
  hello.type = FloorType::kHello;
  hello.number = static_cast<std::uint64_t>(role);
  if (Status sent = dealer.value()->send(floor_message(hello)); !sent) return sent.error();
  zmq_pollitem_t item{dealer.value()->handle(), 0, ZMQ_POLLIN, 0};
  if (zmq_poll(&item, 1, kAnswerMs) != 1 || !dealer.value()->receive())
    return Error{ErrorCode::kTimeout, "no answer from the floor's hub at " + spec.endpoint};
  return dealer;
}

}  // namespace capstan::bench
