// Every limit of the wire, with its reason. PROTOCOL.md §8 repeats the figures.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capstan {

inline constexpr std::uint32_t kWireVersionMajor = 1;
inline constexpr std::uint32_t kWireVersionMinor = 0;

/// One envelope, all fourteen fields. Larger things travel by reference.
inline constexpr std::size_t kEnvelopeBytesMax = 1024 * 1024;

/// One body part. libzmq closes a connection that sends more, so clients refuse it locally.
inline constexpr std::size_t kBatchBytesMax = 4 * 1024 * 1024;

/// Frame header, numbers and ids around one envelope, with room to spare.
inline constexpr std::size_t kFrameOverheadMax = 256;

/// A writer starts a new body part when the current one has reached this size: large enough that
/// CURVE and system calls are paid once for hundreds of envelopes, small enough to pipeline.
inline constexpr std::size_t kBatchBytesTarget = 128 * 1024;

inline constexpr std::size_t kEventTypeBytesMax = 128;
inline constexpr std::size_t kTextIdBytesMax = 128;
inline constexpr std::size_t kTraceIdBytesMax = 512;
inline constexpr std::size_t kIdempotencyKeyBytesMax = 256;
inline constexpr std::size_t kNackReasonBytesMax = 256;
inline constexpr std::size_t kAudienceMax = 1024;
inline constexpr std::size_t kAgentNameBytesMax = 64;
inline constexpr std::size_t kSessionsPerConnectionMax = 4096;

// What an agent says about itself is kept in memory, and its record stays within one block.
inline constexpr std::size_t kPassportBytesMax = 4096;
inline constexpr std::size_t kResumeBytesMax = 16'384;
inline constexpr std::size_t kSkillBytesMax = 32'768;
inline constexpr std::size_t kRuleBytesMax = 4096;

/// Control frames are small: a parser never allocates for more than this many elements.
inline constexpr std::size_t kControlElementsMax = 4096;
inline constexpr std::size_t kControlDepthMax = 8;

/// One control frame of a client. The elements of a frame are bounded one array at a time, so this
/// is what bounds all of them together: parsed, they take up to 24 octets for each octet. The
/// largest that a client has a use for are a registration with all four parts, and the 1,024 names
/// of an `agent_add`: less than 70 KiB.
inline constexpr std::size_t kControlFrameBytesMax = 128 * 1024;

/// Numbers that a hub remembers per producer, so that every retry inside the send window is known.
inline constexpr std::uint64_t kSendWindowEnvelopesMax = 32'768;

/// The highest number of a send. No client gets there by counting, and sums of numbers and of
/// windows stay far from wrapping.
inline constexpr std::uint64_t kSendNumberMax = 4'611'686'018'427'387'904;

static_assert(kEnvelopeBytesMax + kFrameOverheadMax <= kBatchBytesMax,
              "one envelope of the largest size fits a body part");
static_assert(kBatchBytesTarget <= kBatchBytesMax);
static_assert(kSendNumberMax <= UINT64_MAX / 4 + 1, "a number and a stretch of them do not wrap");
static_assert(kPassportBytesMax + kResumeBytesMax + kSkillBytesMax + kRuleBytesMax + 1024 <=
                  kControlFrameBytesMax,
              "a registration fits a control frame beside names of keys and headers");
static_assert(kPassportBytesMax + kResumeBytesMax + kSkillBytesMax + kRuleBytesMax + 256 <= 65'536,
              "an agent's record fits a block of the journal beside its name and numbers");

}  // namespace capstan
