// What waits for one agent, and how its deliveries go. PROTOCOL.md §7.
#include <algorithm>
#include <map>

#include "capstan/security/admission.h"
#include "operation.h"

namespace capstan::operations {

namespace {

constexpr std::size_t kRetriesShownMax = 100;
/// What each failed delivery takes of the share of the turn, shown or not: all are put in order.
constexpr std::uint64_t kRetryCost = 64;

/// An agent's own inbox is its own business, too.
bool may_look(const Core& core, const Connection& connection, const std::string& name) {
  if (is_admin(connection)) return true;
  const AgentRecord* agent = core.state.find_agent(name);
  const auto& globs = connection.identity.names;
  return agent != nullptr && agent->key == connection.identity.key &&
         std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return name_matches(glob, name); });
}

std::uint64_t count_in_flight(const Inbox& inbox) {
  if (inbox.receiver == nullptr) return 0;
  const auto& in_flight = inbox.receiver->in_flight;
  return static_cast<std::uint64_t>(std::count_if(
      in_flight.begin(), in_flight.end(), [](const InFlight& delivery) { return !delivery.over; }));
}

/// The first by position. One without a time is in flight.
std::vector<ParamMap> show_retries(const Core& core, const Inbox& inbox) {
  std::map<Position, std::uint64_t> due_ns;
  for (const auto& [at_ns, position] : inbox.retry_due) due_ns.emplace(position, at_ns);
  for (const std::set<Position>& ready : inbox.retry_ready) {
    for (const Position& position : ready) due_ns.emplace(position, 0);
  }
  std::vector<ParamMap> shown;
  for (const auto& [position, retry] : inbox.mailbox->retries) {
    if (shown.size() == kRetriesShownMax) break;
    ParamMap row;
    row.set("position", position.value);
    row.set("attempts", std::uint64_t{retry.attempts}).set("reason", retry.reason);
    if (const auto due = due_ns.find(position); due != due_ns.end()) {
      const std::uint64_t now_ns = core.now.monotonic_ns;
      row.set("due_in_ms", due->second > now_ns ? (due->second - now_ns) / kNsPerMs : 0);
    }
    shown.push_back(std::move(row));
  }
  return shown;
}

}  // namespace

Answer inbox(Core& core, Connection& connection, const Request& request, const ParamMap& params) {
  const auto name = params.text("name");
  if (name && !may_look(core, connection, *name)) {
    return deny_operation(core, connection, request.operation,
                          "this key may not use the name '" + printable(*name) + "'");
  }
  const auto agent = named_agent(core, params);
  if (!agent) return agent.error();
  const Inbox& box = core.inbox_of(*agent);
  const Mailbox& mailbox = *box.mailbox;
  const auto* dead = core.state.find_dead(*agent);
  const std::size_t in_flight = box.receiver == nullptr ? 0 : box.receiver->in_flight.size();
  core.charge(connection, sizeof(InFlight) * in_flight + kRetryCost * mailbox.retries.size());
  return ParamMap()
      .set("name", *name)
      .set("agent_id", id_bytes(*agent))
      .set("durability", std::string(durability_text(box.durability)))
      .set("receiving", box.receiver != nullptr)
      .set("pending", mailbox.pending())
      .set("pending_bytes", mailbox.pending_bytes)
      .set("in_flight", count_in_flight(box))
      .set("retrying", std::uint64_t{mailbox.retries.size()})
      .set("dead", std::uint64_t{dead == nullptr ? 0 : dead->size()})
      .set("next_position", mailbox.next.value)
      .set("settled_floor", mailbox.settled.floor())
      .set("retries", show_retries(core, box));
}

}  // namespace capstan::operations
