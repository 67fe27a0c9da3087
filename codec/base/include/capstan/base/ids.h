// Every number and identifier with a meaning has its own type.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "capstan/base/bytes.h"

namespace capstan {

/// A number that cannot be mistaken for another: `Number<struct SequenceTag>`.
template <typename Tag>
struct Number {
  std::uint64_t value = 0;

  auto operator<=>(const Number&) const = default;
  Number& operator++() {
    ++value;
    return *this;
  }
  [[nodiscard]] Number plus(std::uint64_t n) const { return Number{value + n}; }
};

/// Storage address of a record in the WAL; the first is 1; never reused.
using Sequence = Number<struct SequenceTag>;
/// Dense number of an envelope in its channel; the first is 1.
using Position = Number<struct PositionTag>;
/// Number of a group commit; the first is 1.
using CommitNumber = Number<struct CommitNumberTag>;

/// Sixteen bytes, written as 32 lower-case hex characters.
template <typename Tag>
struct Id {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  // Of a fixed size, unlike the array's own: two words, and no call of the library's. Several are
  // compared for each envelope.
  bool operator==(const Id& other) const {
    return std::memcmp(bytes.data(), other.bytes.data(), 16) == 0;
  }
  [[nodiscard]] bool is_zero() const { return *this == Id{}; }
  [[nodiscard]] Bytes view() const { return bytes; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }

  /// `bytes` must be 16 long.
  [[nodiscard]] static Id from_bytes(const std::uint8_t* bytes) {
    Id id;
    std::memcpy(id.bytes.data(), bytes, 16);
    return id;
  }
  [[nodiscard]] static std::optional<Id> from_text(std::string_view text) {
    Id id;
    if (!from_hex(text, id.bytes)) return std::nullopt;
    return id;
  }
};

/// An agent. Its mailbox is the channel with the same sixteen bytes.
using AgentId = Id<struct AgentIdTag>;
using ChannelId = Id<struct ChannelIdTag>;
/// One hub process life; new at every start.
using BootId = Id<struct BootIdTag>;

/// clock in ns that never steps back (64 bit) ‖ shard (16 bit) ‖ sequence (48 bit), big-endian:
/// byte order is the order of acceptance.
struct EnvelopeId : Id<struct EnvelopeIdTag> {
  [[nodiscard]] static EnvelopeId make(std::uint64_t clock_ns, std::uint16_t shard,
                                       Sequence sequence);
  [[nodiscard]] static EnvelopeId from_bytes(const std::uint8_t* bytes) {
    return EnvelopeId{Id::from_bytes(bytes)};
  }
  [[nodiscard]] static std::optional<EnvelopeId> from_text(std::string_view text) {
    const auto id = Id::from_text(text);
    if (!id) return std::nullopt;
    return EnvelopeId{*id};
  }
  [[nodiscard]] std::uint64_t clock_ns() const;
  [[nodiscard]] std::uint16_t shard() const;
  [[nodiscard]] Sequence sequence() const;
  /// The id `n` sequences later with the same clock: ids of one run differ in nothing else.
  [[nodiscard]] EnvelopeId plus(std::uint64_t n) const;
};

[[nodiscard]] inline ChannelId mailbox_of(AgentId agent) { return ChannelId{agent.bytes}; }
[[nodiscard]] inline AgentId owner_of_mailbox(ChannelId channel) { return AgentId{channel.bytes}; }

}  // namespace capstan

template <typename Tag>
struct std::hash<capstan::Number<Tag>> {
  std::size_t operator()(capstan::Number<Tag> n) const noexcept {
    return std::hash<std::uint64_t>{}(n.value);
  }
};

template <typename Tag>
struct std::hash<capstan::Id<Tag>> {
  // Ids are minted by the hub with eight random bytes at the end, so no client chooses its bucket.
  std::size_t operator()(const capstan::Id<Tag>& id) const noexcept {
    std::uint64_t low = 0;
    std::memcpy(&low, id.bytes.data() + 8, sizeof low);
    std::uint64_t high = 0;
    std::memcpy(&high, id.bytes.data(), sizeof high);
    return static_cast<std::size_t>(low ^ (high * 0x9E3779B97F4A7C15ULL));
  }
};
