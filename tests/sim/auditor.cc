// What applications see, and the end of a run; what disk and hub do is in auditor_hub.cc.
#include "auditor.h"

#include "capstan/codec/envelope.h"
#include "trace.h"

namespace capstan::sim {

Auditor::Auditor(const Plan& plan, Counts& counts) : plan_(plan), counts_(counts) {}

void Auditor::violated(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

AgentId Auditor::id_of(std::size_t agent) const {
  return ledger_.agent_id(plan_.agents[agent]).value_or(AgentId{});
}

Tag Auditor::posted(std::size_t sender, std::size_t to, Stream stream, const std::string& key) {
  Post& post = posts_.emplace_back();
  post.sender = sender;
  post.to = to;
  post.stream = stream;
  post.key = key;
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
  if (plan_.stores_nothing(post.to)) return accepted_unstored(tag, id);
  if (const Unsynced* unsynced = find_unsynced(id)) {
    if (unsynced->tag != tag) violated(name + " is accepted with another one's id " + id.hex());
    post.lost = post.lost || lost_.count(id) != 0;
    return;
  }
  const Stored* stored = ledger_.find(id);
  if (stored == nullptr) return violated(name + " is accepted as " + id.hex() + ", not on disk");
  if (stored->tag == tag) return;
  const Post* first = stored->tag && *stored->tag <= posts_.size() && *stored->tag > 0
                          ? &posts_[*stored->tag - 1]
                          : nullptr;
  post.repeats = first != nullptr && !post.key.empty() && first->key == post.key &&
                 first->sender == post.sender;
  if (!post.repeats) return violated(name + " is accepted with another one's id " + id.hex());
  counts_.add(Count::kRepeats);
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

void Auditor::given_back(Stream stream, const ChannelId& channel, Position position) {
  if (position == Position{}) return;
  shown_[stream].erase({channel, position});
  counts_.add(Count::kNacked);
}

/// Mail that later mail of its priority may be shown before: it is gone, or has a time of its own.
bool Auditor::may_be_passed(const Stored& mail) const {
  return mail.shown || mail.settled || mail.failed > 0 || mail.expires_s != 0 ||
         plan_.hub.ack_wait_ms != 0 || ledger_.may_be_missing(mail);
}

void Auditor::check_order(std::size_t agent, Box& box, std::uint64_t position) {
  Stored& stored = box.mail[position - 1];
  std::size_t& passed = box.shown_up_to[stored.priority];
  stored.shown = true;
  bool overtakes = false;
  bool floor = true;
  for (std::size_t i = passed; i + 1 < position; ++i) {
    const Stored& before = box.mail[i];
    if (before.priority != stored.priority) {
      overtakes = overtakes || (before.priority < stored.priority && !may_be_passed(before));
    } else if (!may_be_passed(before) && agent != plan_.hostile_agent()) {
      return violated(plan_.agents[agent] + "'s position " + std::to_string(position) +
                      " is shown before position " + std::to_string(i + 1));
    } else if (!before.shown && !before.settled) {
      floor = false;
    }
    if (floor) passed = i + 1;
  }
  if (overtakes) counts_.add(Count::kOvertakings);
}

void Auditor::delivered(std::size_t agent, Stream stream, const Delivered& delivery) {
  const std::string name =
      plan_.agents[agent] + "'s position " + std::to_string(delivery.position.value);
  if (is_unstored(stamped_id(delivery.envelope))) {
    return delivered_unstored(agent, stream, delivery);
  }
  const ChannelId channel = stamped_channel(delivery.envelope);
  Box* box = ledger_.find_box(channel);
  const std::uint64_t position = delivery.position.value;
  if (Unsynced* unsynced = find_unsynced(stamped_id(delivery.envelope))) {
    if (hash_of(delivery.envelope) != unsynced->hash) violated(name + " is shown with other bytes");
    if (!shown_[stream].insert({channel, delivery.position}).second) {
      violated(name + " is shown twice in one life");
    }
    unsynced->shown = true;
    return counts_.add(Count::kShownUnsynced);
  }
  if (box == nullptr || position == 0 || position > box->mail.size()) {
    return violated(name + " is shown and not on disk");
  }
  if (box->owner != plan_.agents[agent]) return violated(name + " is shown to another agent");
  const Stored& stored = box->mail[position - 1];
  if (hash_of(delivery.envelope) != stored.hash) {
    return violated(name + " is shown with other bytes than the stored ones");
  }
  if (!shown_[stream].insert({channel, delivery.position}).second) {
    return violated(name + " is shown twice in one client life");
  }
  if (stored.shown) {
    counts_.add(Count::kShownAgain);
    return;
  }
  check_order(agent, *box, position);
}

void Auditor::acknowledged(const ChannelId& channel, Position position) {
  if (position == Position{}) return;  // There is nothing to settle.
  for (auto& [id, unsynced] : unsynced_) {
    if (unsynced.channel == channel && unsynced.position == position) unsynced.acknowledged = true;
  }
  Box* box = ledger_.find_box(channel);
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

std::uint64_t Auditor::waiting() const {
  std::uint64_t waiting = 0;
  for (const auto& [channel, box] : ledger_.boxes()) {
    waiting += box.mail.size() - box.settled_count;
  }
  return waiting;
}

std::string Auditor::unrest() const {
  std::string text = std::to_string(open_posts_) + " posts are unanswered";
  for (const auto& [channel, box] : ledger_.boxes()) {
    if (box.settled_count == box.mail.size()) continue;
    text += "; " + box.owner + (box.retired ? " (removed) has " : " has ") +
            std::to_string(box.mail.size() - box.settled_count) + " of " +
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
  for (const auto& [id, mail] : passed_) {
    counts_.add(Count::kPassedUnseen, mail.tag != 0 && !mail.shown ? 1 : 0);
  }
  if (!at_rest()) return violated("the healed world does not come to rest: " + unrest());
  if (plan_.leaver && ledger_.agent_id(plan_.leaving_key().key.name)) {
    return violated("a removed agent is still there");
  }
  for (std::size_t i = 0; i < posts_.size(); ++i) {
    if (posts_[i].fate == Fate::kAccepted && !posts_[i].stored && !posts_[i].lost &&
        !posts_[i].repeats && !plan_.stores_nothing(posts_[i].to)) {
      return violated("post " + std::to_string(i + 1) + " is accepted and was never stored");
    }
  }
  for (const auto& [channel, box] : ledger_.boxes()) {
    if (channel == mailbox_of(id_of(plan_.hostile_agent()))) continue;
    for (const Stored& mail : box.mail) {
      if (mail.lost) continue;
      if (mail.shown || (mail.settled && mail.why != SettledWhy::kAcknowledged)) continue;
      return violated("envelope " + mail.id.hex() + " was never shown to an application");
    }
  }
}

}  // namespace capstan::sim
