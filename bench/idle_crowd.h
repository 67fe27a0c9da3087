// Agents that are connected and do nothing.
#pragma once

#include "capstan/base/result.h"
#include "run_spec.h"

namespace capstan::bench {

/// So many agents live in one process: each has a thread and some ten descriptors, and ZeroMQ has
/// 1,023 sockets for all.
inline constexpr std::uint64_t kIdleAgentsPerProcess = 50;

/// The role of a process of idle agents: `spec.agents` of the crowd, from `spec.first_agent` on,
/// each with its own key and connection, attached to receive. They stay until the process is
/// killed.
///
/// Prints {"attached"}.
Status run_idle_crowd(const RunSpec& spec);

}  // namespace capstan::bench
