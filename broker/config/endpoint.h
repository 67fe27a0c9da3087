// Endpoints that a hub can listen on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "capstan/base/result.h"

namespace capstan {

enum class Transport { kTcp, kIpc };

struct Endpoint {
  Transport transport = Transport::kTcp;
  std::string host;        ///< Of tcp: an address, "[...]" for IPv6, an interface's name, or "*".
  std::uint16_t port = 0;  ///< Of tcp; 0 is any free one.
  std::string path;        ///< Of ipc.

  bool operator==(const Endpoint&) const = default;

  /// The text that libzmq binds. "localhost" is written as the address it means, since libzmq
  /// resolves no host names when it binds.
  [[nodiscard]] std::string text() const;

  /// Only this machine reaches it: ipc, 127.0.0.0/8, ::1, localhost. What is not surely loopback is
  /// not: interface names, shortened addresses, names that begin like an address.
  [[nodiscard]] bool is_local() const;

  [[nodiscard]] bool is_ipv6() const { return host.starts_with('['); }
};

/// Shape:  tcp://HOST:PORT or ipc://PATH; no blanks, quotes or control characters.
/// Errors: kInvalidArgument.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

/// The endpoint itself, or for ipc the same with a path that means one place, whatever the current
/// folder of whoever reads it: relative ones are relative to `base`. Names without a file ("@NAME"
/// of Linux, "*" of libzmq) stay as they are.
///
/// Errors: kInvalidArgument: the path is too long for a socket then.
[[nodiscard]] Result<Endpoint> resolve_endpoint(Endpoint endpoint,
                                                const std::filesystem::path& base);

/// Before it binds, libzmq removes whatever stands at an ipc path, be it another hub's socket or a
/// file of yours. So this looks first: nothing may be there, or a socket that nobody listens on.
///
/// Errors: kAlreadyExists: somebody listens there, or it is no socket; kIo.
[[nodiscard]] Status check_ipc_place(const Endpoint& endpoint);

/// The endpoint itself, or for tcp with port 0 the same with a port that was free just now.
///
/// Errors: kInvalidArgument: the host is not an address; kUnavailable: no free port, or not an
///         address of this machine.
[[nodiscard]] Result<Endpoint> with_free_port(Endpoint endpoint);

}  // namespace capstan
