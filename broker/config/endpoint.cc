#include "config/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "capstan/base/random.h"
#include "capstan/security/random.h"

namespace capstan {
namespace {

constexpr std::string_view kTcpPrefix = "tcp://";
constexpr std::string_view kIpcPrefix = "ipc://";
constexpr std::size_t kHostLengthMax = 255;
constexpr std::size_t kIpcPathLengthMax = sizeof(sockaddr_un{}.sun_path) - 1;

// Below Linux's range for outgoing connections (32768 and up): in it a client that dials a hub
// which is down can be given the very same port and then talks to itself.
constexpr std::uint16_t kFreePortFirst = 20'000;
constexpr std::uint16_t kFreePortCount = 10'000;
constexpr int kFreePortAttempts = 200;

Error bad_endpoint(std::string_view rule) {
  return {ErrorCode::kInvalidArgument,
          "an endpoint is tcp://ADDRESS:PORT or ipc://PATH; " + std::string(rule)};
}

bool is_plain(char c) { return c > ' ' && c < 0x7f && c != '\'' && c != '"' && c != '\\'; }

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return {};
  return port;
}

Result<Endpoint> parse_tcp(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_endpoint("the port is missing");
  Endpoint endpoint;
  endpoint.host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return bad_endpoint("a port is a number from 0 to 65535");
  endpoint.port = *port;
  const bool bracketed = endpoint.host.starts_with('[') && endpoint.host.ends_with(']');
  if (endpoint.host.empty() || endpoint.host.size() > kHostLengthMax ||
      (endpoint.host.find_first_of(":[]/") != std::string::npos && !bracketed)) {
    return bad_endpoint("an IPv6 address stands in brackets, and '*' is every address");
  }
  return endpoint;
}

Result<Endpoint> parse_ipc(std::string_view text) {
  if (text.empty() || text.size() > kIpcPathLengthMax) {
    return bad_endpoint("a path has 1 to " + std::to_string(kIpcPathLengthMax) + " characters");
  }
  Endpoint endpoint;
  endpoint.transport = Transport::kIpc;
  endpoint.path = text;
  return endpoint;
}

std::optional<in_addr> as_ipv4(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return {};
  return address;
}

std::optional<in6_addr> as_ipv6(const std::string& host) {
  in6_addr address{};
  if (host.size() < 2 || host.front() != '[') return {};
  if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) != 1) return {};
  return address;
}

bool binds(int family, const void* address, socklen_t size) {
  const int probe = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool bound = ::bind(probe, static_cast<const sockaddr*>(address), size) == 0;
  ::close(probe);
  return bound;
}

/// Whether a server could bind this port now; the host has passed is_address().
bool port_is_free(const std::string& host, std::uint16_t port) {
  if (const auto address = as_ipv6(host)) {
    sockaddr_in6 place{};
    place.sin6_family = AF_INET6;
    place.sin6_port = htons(port);
    place.sin6_addr = *address;
    return binds(AF_INET6, &place, sizeof place);
  }
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  place.sin_addr = as_ipv4(host).value_or(in_addr{INADDR_ANY});
  return binds(AF_INET, &place, sizeof place);
}

/// Where it lies in the file system; empty for tcp and for names without a file.
std::string socket_file(const Endpoint& endpoint) {
  const bool named = endpoint.path.starts_with('@') || endpoint.path == "*";
  return named ? std::string() : endpoint.path;
}

/// What connect(2) says, at once: 0 when somebody listens there.
int knock_at(const std::string& path) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return errno;
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), place.sun_path);
  const void* const address = &place;
  const bool answered = ::connect(probe, static_cast<const sockaddr*>(address), sizeof place) == 0;
  const int error = answered ? 0 : errno;
  ::close(probe);
  return error;
}

Error place_taken(const std::string& path, const std::string& why) {
  return {ErrorCode::kAlreadyExists, "cannot listen on ipc://" + path + ": " + why +
                                         ", or change [listen] endpoint in capstan.toml"};
}

bool is_address(const std::string& host) { return host == "*" || as_ipv4(host) || as_ipv6(host); }

}  // namespace

std::string Endpoint::text() const {
  if (transport == Transport::kIpc) return std::string(kIpcPrefix) + path;
  return std::string(kTcpPrefix) + host + ":" + std::to_string(port);
}

bool Endpoint::is_local() const {
  if (transport == Transport::kIpc) return true;
  if (const auto address = as_ipv4(host)) return ntohl(address->s_addr) >> 24 == 127;
  if (const auto address = as_ipv6(host)) {
    return std::memcmp(&*address, &in6addr_loopback, sizeof *address) == 0;
  }
  return false;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_plain)) {
    return bad_endpoint("it has no blanks, quotes or other odd characters");
  }
  if (text.starts_with(kIpcPrefix)) return parse_ipc(text.substr(kIpcPrefix.size()));
  if (!text.starts_with(kTcpPrefix)) return bad_endpoint("no other transport is known");
  Result<Endpoint> endpoint = parse_tcp(text.substr(kTcpPrefix.size()));
  if (endpoint && endpoint->host == "localhost") endpoint->host = "127.0.0.1";
  return endpoint;
}

Result<Endpoint> resolve_endpoint(Endpoint endpoint, const std::filesystem::path& base) {
  if (socket_file(endpoint).empty()) return endpoint;
  std::error_code failure;
  const auto path = std::filesystem::absolute(base / endpoint.path, failure);
  if (failure) return bad_endpoint("there is no current folder: " + failure.message());
  endpoint.path = path.lexically_normal().string();
  if (endpoint.path.size() <= kIpcPathLengthMax) return endpoint;
  return bad_endpoint(endpoint.path + " is longer than the " + std::to_string(kIpcPathLengthMax) +
                      " characters that a socket's path may have");
}

Status check_ipc_place(const Endpoint& endpoint) {
  const std::string path = socket_file(endpoint);
  if (path.empty()) return {};
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return {};
    return {ErrorCode::kIo, "cannot listen on ipc://" + path + ": " + std::strerror(errno)};
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return place_taken(path, "it is there, and no socket; move it away");
  }
  switch (const int error = knock_at(path)) {
    case ECONNREFUSED:  // A hub that was killed has left it.
    case ENOENT:
      return {};
    case 0:
    case EAGAIN:  // Somebody listens, and has more callers than it can take.
      return place_taken(path, "another program listens there; stop it (`ss -lxp` names it)");
    default:
      return {ErrorCode::kIo, "cannot listen on ipc://" + path + ": " + std::strerror(error)};
  }
}

Result<Endpoint> with_free_port(Endpoint endpoint) {
  if (endpoint.transport != Transport::kTcp || endpoint.port != 0) return endpoint;
  if (!is_address(endpoint.host)) return bad_endpoint("a free port is found for addresses only");
  Random random(secure_seed());
  for (int attempt = 0; attempt < kFreePortAttempts; ++attempt) {
    endpoint.port = static_cast<std::uint16_t>(kFreePortFirst + random.below(kFreePortCount));
    if (port_is_free(endpoint.host, endpoint.port)) return endpoint;
  }
  return {ErrorCode::kUnavailable, "no free port on " + endpoint.host};
}

}  // namespace capstan
