// The fold of removed agents: what goes at once, and what stays until their mail is buried.
#include "capstan/core/state.h"
#include "state_row_codec.h"

namespace capstan {

const RetiredAgent* State::find_retired(AgentId id) const {
  const auto at = retired_.find(id);
  return at == retired_.end() ? nullptr : &at->second;
}

void State::apply_agent_retired(const AgentRetiredRecord& record) {
  const auto agent = agents_.find(record.agent);
  if (agent == agents_.end()) return;  // Its own record stood in a block that is lost.
  const auto name = agents_by_name_.find(agent->second.name);
  if (name != agents_by_name_.end() && name->second == record.agent) agents_by_name_.erase(name);
  // What it said about itself is of no use any more.
  profile_bytes_ -= agent->second.profile.bytes();
  take_from_key(agent->second.key);
  agent->second.profile = {};
  agent->second.registered_at_ns = 0;
  retired_[record.agent] = {std::move(agent->second), record.retired_at_ns};
  agents_.erase(agent);
  dirty_agents_.erase(record.agent);
  deleted_keys_.push_back(agent_key(record.agent));
  dirty_retired_.insert(record.agent);
  forget_producers(record.agent);
  forget_retired_if_over(record.agent);
}

void State::forget_producers(AgentId agent) {
  const auto epochs = epochs_.find(agent);
  if (epochs == epochs_.end()) return;
  for (const std::uint64_t epoch : epochs->second) forget_producer({agent, epoch});
  epochs_.erase(epochs);
  last_producer_ = nullptr;
}

void State::forget_mailbox(ChannelId channel) {
  Mailbox& mailbox = mailboxes_.at(channel);
  // Settled means that no run is left: its rows go here, too.
  forget_settled_runs(channel, mailbox);
  forget_retries(channel, mailbox, {Position{1}, mailbox.next});
  saved_runs_.erase(channel);
  dirty_mailboxes_.erase(channel);
  if (last_dirty_mailbox_ == channel) last_dirty_mailbox_ = {};
  deleted_keys_.push_back(mailbox_key(channel));
  for (const MailRuns& lane : mailbox.lanes) index_bytes_ -= lane.bytes();
  mailboxes_.erase(channel);
}

void State::forget_retired_if_over(AgentId agent) {
  if (retired_.count(agent) == 0) return;
  const ChannelId channel = mailbox_of(agent);
  const auto mailbox = mailboxes_.find(channel);
  if (mailbox != mailboxes_.end()) {
    if (mailbox->second.pending() > 0) return;
    forget_mailbox(channel);
  }
  if (dead_.count(agent) != 0) return;
  retired_.erase(agent);
  dirty_retired_.erase(agent);
  deleted_keys_.push_back(retired_key(agent));
}

}  // namespace capstan
