// What applications see, and the end of a run; what disk and hub do is in auditor_hub.cc.
#include "auditor.h"

#include "trace.h"

namespace capstan::sim {

Auditor::Auditor(const Plan& plan, Counts& counts) : plan_(plan), counts_(counts) {}

void Auditor::violated(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

AgentId Auditor::id_of(std::size_t agent) const {
  return ledger_.agent_id(plan_.agents[agent]).value_or(AgentId{});
}

Tag Auditor::posted(std::size_t sender, std::size_t to, Stream stream) {
  posts_.push_back({sender, to, stream, Fate::kOpen, false});
  ++open_posts_;
  counts_.add(Count::kPosted);
  return posts_.size();
}

void Auditor::accepted(Tag tag, const EnvelopeId& id) {
  Post& post = posts_[tag - 1];
  const std::string name = "post " + std::to_string(tag);
  if (post.fate != Fate::kOpen) return violated(name + " is answered twice");
  post.fate = Fate::kAccepted;
  --open_posts_;
  counts_.add(Count::kAccepted);
  const Stored* stored = ledger_.find(id);
  if (stored == nullptr) return violated(name + " is accepted as " + id.hex() + ", not on disk");
  if (stored->tag != tag) violated(name + " is accepted with another one's id " + id.hex());
}

void Auditor::refused(Tag tag, const Error& error) {
  Post& post = posts_[tag - 1];
  const std::string name = "post " + std::to_string(tag);
  if (post.fate != Fate::kOpen) return violated(name + " is answered twice");
  post.fate = error.code == ErrorCode::kOutcomeUnknown ? Fate::kUnknown : Fate::kRefused;
  --open_posts_;
  counts_.add(Count::kGivenUp);
  if (post.fate == Fate::kRefused && post.stored) {
    violated(name + " is stored, and refused: " + error.text());
  }
}

void Auditor::abandoned(Tag tag) {
  Post& post = posts_[tag - 1];
  if (post.fate != Fate::kOpen) return;
  post.fate = Fate::kUnknown;
  --open_posts_;
}

void Auditor::delivered(std::size_t agent, Stream stream, const Delivered& delivery) {
  const std::string name =
      plan_.agents[agent] + "'s position " + std::to_string(delivery.position.value);
  Box* box = ledger_.find_box(mailbox_of(id_of(agent)));
  const std::uint64_t position = delivery.position.value;
  if (box == nullptr || position == 0 || position > box->mail.size()) {
    return violated(name + " is shown and not on disk");
  }
  const Stored& stored = box->mail[position - 1];
  if (hash_of(delivery.envelope) != stored.hash) {
    return violated(name + " is shown with other bytes than the stored ones");
  }
  if (!shown_[stream].insert(position).second) {
    return violated(name + " is shown twice in one client life");
  }
  if (position <= box->shown_up_to) {
    counts_.add(Count::kShownAgain);
    return;
  }
  // A hostile receiver acknowledges what no application saw.
  if (position != box->shown_up_to + 1 && agent != plan_.hostile_agent()) {
    return violated(name + " is shown before position " + std::to_string(box->shown_up_to + 1));
  }
  box->shown_up_to = position;
}

void Auditor::acknowledged(std::size_t agent, Position position) {
  Box* box = ledger_.find_box(mailbox_of(id_of(agent)));
  if (box == nullptr || position.value > box->mail.size()) return;
  box->mail[position.value - 1].acknowledged = true;
  counts_.add(Count::kAcknowledged);
}

bool Auditor::at_rest() const {
  if (open_posts_ > 0) return false;
  for (const auto& [channel, box] : ledger_.boxes()) {
    if (box.settled_count != box.mail.size()) return false;
  }
  return true;
}

std::string Auditor::unrest() const {
  std::string text = std::to_string(open_posts_) + " posts are unanswered";
  for (const auto& [name, agent] : ledger_.agents()) {
    const Box& box = ledger_.boxes().at(mailbox_of(agent.id));
    if (box.settled_count == box.mail.size()) continue;
    text += "; " + name + " has " + std::to_string(box.mail.size() - box.settled_count) + " of " +
            std::to_string(box.mail.size()) + " envelopes pending, the oldest at position " +
            std::to_string(box.settled_floor + 1);
  }
  for (std::size_t i = 0; i < posts_.size(); ++i) {
    if (posts_[i].fate != Fate::kOpen) continue;
    return text + "; the first unanswered is post " + std::to_string(i + 1) + " from " +
           plan_.agents[posts_[i].sender] + " to " + plan_.agents[posts_[i].to];
  }
  return text;
}

void Auditor::finish() {
  if (!at_rest()) return violated("the healed world does not come to rest: " + unrest());
  for (std::size_t i = 0; i < posts_.size(); ++i) {
    if (posts_[i].fate == Fate::kAccepted && !posts_[i].stored) {
      return violated("post " + std::to_string(i + 1) + " is accepted and was never stored");
    }
  }
  for (const auto& [channel, box] : ledger_.boxes()) {
    if (channel == mailbox_of(id_of(plan_.hostile_agent()))) continue;
    if (box.shown_up_to != box.mail.size()) {
      return violated("mail of " + channel.hex() + " was never shown to an application");
    }
  }
}

}  // namespace capstan::sim
