// The error catalogue: every refusal that crosses the wire, the disk or the command line has one
// entry here. PROTOCOL.md §9 lists the same table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// What the receiver of an error does next.
enum class Reaction : std::uint8_t {
  kNever,      ///< The same request will be refused again.
  kLater,      ///< The same request may succeed when repeated.
  kReconnect,  ///< Open the connection or the session anew, then repeat.
};

// X(enumerator, wire number, wire name, reaction)
#define CAPSTAN_ERRORS(X)                                  \
  X(kOk, 0, "ok", kNever)                                  \
  X(kMalformedFrame, 1, "malformed_frame", kNever)         \
  X(kUnknownFrame, 2, "unknown_frame", kNever)             \
  X(kUnsupportedVersion, 3, "unsupported_version", kNever) \
  X(kTooLarge, 4, "too_large", kNever)                     \
  X(kNotConnected, 5, "not_connected", kReconnect)         \
  X(kUnknownSession, 6, "unknown_session", kReconnect)     \
  X(kAccessDenied, 7, "access_denied", kNever)             \
  X(kNotFound, 8, "not_found", kNever)                     \
  X(kSuperseded, 9, "superseded", kNever)                  \
  X(kWindowExceeded, 10, "window_exceeded", kLater)        \
  X(kOutOfOrder, 11, "out_of_order", kLater)               \
  X(kInboxFull, 12, "inbox_full", kLater)                  \
  X(kEpochForgotten, 13, "epoch_forgotten", kNever)        \
  X(kUnknownOperation, 14, "unknown_operation", kNever)    \
  X(kInvalidArgument, 15, "invalid_argument", kNever)      \
  X(kAlreadyExists, 16, "already_exists", kNever)          \
  X(kOutcomeUnknown, 17, "outcome_unknown", kReconnect)    \
  X(kHubStopping, 18, "hub_stopping", kReconnect)          \
  X(kSlowReader, 19, "slow_reader", kReconnect)            \
  X(kLeaseExpired, 20, "lease_expired", kReconnect)        \
  X(kWrongState, 21, "wrong_state", kNever)                \
  X(kRefusedHandshake, 22, "refused_handshake", kNever)    \
  X(kUnavailable, 23, "unavailable", kLater)               \
  X(kTimeout, 24, "timeout", kLater)                       \
  X(kClosed, 25, "closed", kNever)                         \
  X(kIo, 26, "io", kNever)                                 \
  X(kDamaged, 27, "damaged", kNever)                       \
  X(kLocked, 28, "locked", kNever)                         \
  X(kBadConfig, 29, "bad_config", kNever)                  \
  X(kInsecureFile, 30, "insecure_file", kNever)            \
  X(kDiskFull, 31, "disk_full", kLater)                    \
  X(kNotDelivered, 32, "not_delivered", kLater)

enum class ErrorCode : std::uint8_t {
#define CAPSTAN_ERROR_ENUMERATOR(name, number, text, reaction) name = number,
  CAPSTAN_ERRORS(CAPSTAN_ERROR_ENUMERATOR)
#undef CAPSTAN_ERROR_ENUMERATOR
};

/// The wire name, for example "access_denied".
[[nodiscard]] std::string_view error_name(ErrorCode code);

[[nodiscard]] Reaction error_reaction(ErrorCode code);

/// The code with this wire number; empty when a newer peer sent one that we do not know.
[[nodiscard]] std::optional<ErrorCode> error_from_number(std::uint64_t number);

/// A refusal: the catalogue entry, and a sentence that says what happened, to what, and what to do.
struct Error {
  ErrorCode code = ErrorCode::kOk;
  std::string context;

  /// "access_denied: this key may not use the name 'bob'"
  [[nodiscard]] std::string text() const;
};

}  // namespace capstan
