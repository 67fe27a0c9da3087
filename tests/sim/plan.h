// What a seed decides before anything happens: who there is, how large things are, what goes wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capstan/core/hub.h"

namespace capstan::sim {

/// Faults of the simulated world itself, that the auditor has to notice.
enum class Lie : std::uint8_t {
  kNone,
  kEarlyCommitted,  ///< The core hears `committed` before the journal has begun.
  kUnsyncedDisk,    ///< Syncs report success and do nothing.
  kLostBody,        ///< A link swallows a body part in the middle.
  kAlteredBody,     ///< A link flips a bit on the way to a receiver.
  kEarlyWritten,    ///< The core hears `written` before the journal has begun.
};

/// One key, and the agents that it may speak for.
struct KeyPlan {
  AdmittedKey key;
  std::vector<std::size_t> agents;  ///< Indices into Plan::agents.
  std::size_t posters = 0;          ///< Clients beside the receiving one that only post.
};

struct Plan {
  std::uint64_t seed = 0;
  /// Actions before the world is healed; more, until half as many events have reached the hub.
  std::uint64_t steps_max = 0;
  Lie lie = Lie::kNone;
  HubConfig hub;
  std::size_t write_buffer_bytes = 0;
  std::vector<std::string> agents;    ///< Names; the last one belongs to the hostile peer.
  std::vector<KeyPlan> keys;          ///< The last one is the hostile peer's.
  std::uint64_t commit_delay_ns = 0;  ///< At most, for each of journal's and reader's steps.
  std::uint64_t link_delay_ns = 0;    ///< At most, for each body part.
  std::uint64_t post_interval_ns = 0;
  std::size_t post_count_max = 0;
  std::size_t payload_bytes_max = 0;
  std::uint64_t fault_interval_ns = 0;
  std::uint64_t hub_fault_interval_ns = 0;
  // One in so many posts or deliveries; 0: none.
  std::uint64_t urgent_one_in = 0;  ///< Or background.
  std::uint64_t ttl_one_in = 0;
  std::uint64_t key_one_in = 0;
  std::uint64_t nack_one_in = 0;
  bool hostile = false;
  /// An agent is removed and comes back under its name, again and again: that of the key before the
  /// hostile one. It receives now and then; the mail that waits becomes dead letters.
  bool leaver = false;
  bool fills = false;          ///< The hub is told that its disk fills up, and empties.
  bool rots = false;           ///< Stored blocks turn bad; the checkpoint is never lost then.
  bool holds_written = false;  ///< Some mailboxes need no sync.
  bool holds_memory = false;   ///< Some mailboxes store nothing.

  [[nodiscard]] std::size_t hostile_agent() const { return agents.size() - 1; }
  /// Where there is one.
  [[nodiscard]] const KeyPlan& leaving_key() const { return keys[keys.size() - 2]; }
  [[nodiscard]] bool leaves(const KeyPlan& key) const { return leaver && &key == &leaving_key(); }
  /// The mailbox of this agent does.
  [[nodiscard]] bool stores_nothing(std::size_t agent) const;
};

[[nodiscard]] Plan make_plan(std::uint64_t seed, std::uint64_t steps_max, Lie lie);

}  // namespace capstan::sim
