// The two agents of the demonstration; each runs in a process of its own.
#pragma once

#include <cstdint>
#include <string>

namespace capstan::demo {

inline constexpr const char* kSenderName = "alice";
inline constexpr const char* kReceiverName = "bob";
inline constexpr std::size_t kPayloadBytes = 256;

/// Posts envelopes 1 … `count` to bob and waits until all are accepted. Returns an exit code.
int run_sender(const std::string& directory, std::uint64_t count);

/// Receives until every number has come; prints "at N" now and then, at the end
/// "lost A, duplicated B, out of order C". Returns an exit code.
int run_receiver(const std::string& directory, std::uint64_t count);

}  // namespace capstan::demo
