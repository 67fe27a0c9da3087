// How the clients of the floor come to their hub.
#pragma once

#include <cstdint>
#include <memory>

#include "capstan/base/result.h"
#include "run_spec.h"
#include "zmq_socket.h"

namespace capstan::bench {

enum class FloorRole : std::uint64_t { kConsumer = 0, kProducer = 1 };

/// Connects, says hello and waits until the hub has answered, so that no set-up is measured.
///
/// Errors: kTimeout after ten seconds without an answer.
Result<std::unique_ptr<Socket>> connect_and_greet(const Context& context, const RunSpec& spec,
                                                  FloorRole role);

}  // namespace capstan::bench
