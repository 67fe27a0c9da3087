// Mail of mailboxes that store nothing. PROTOCOL.md §6.18.
#include <algorithm>
#include <utility>

#include "auditor.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "trace.h"

namespace capstan::sim {

namespace {

/// Answers that are given before anybody looks whether a number is settled.
bool looks_at_no_number(ErrorCode code) {
  return code == ErrorCode::kHubStopping || code == ErrorCode::kUnknownSession ||
         code == ErrorCode::kNotConnected;
}

bool is_intact(Tag tag, Bytes payload) {
  const std::size_t least = make_payload(tag, 0).size();
  const ByteBuffer posted = make_payload(tag, payload.size() - least);
  return std::equal(posted.begin(), posted.end(), payload.begin(), payload.end());
}

}  // namespace

// ---- What clients ask the hub for

void Auditor::note_send(const SessionView& session, const SendView& send) {
  const std::pair key{ProducerId{session.agent, session.epoch}, send.number};
  if (send.envelope.empty()) {
    given_up_.insert(key);
    return;
  }
  const auto view = parse_envelope(send.envelope);
  const auto tag = view ? tag_of(view->event_data()) : std::nullopt;
  if (!tag || *tag == 0 || *tag > posts_.size()) return;
  Post& post = posts_[*tag - 1];
  const bool same = post.number == 0 || (post.producer == key.first && post.number == key.second);
  if (!same) violated("post " + std::to_string(*tag) + " is sent again under another number");
  post.producer = key.first;
  post.number = key.second;
  if (std::exchange(post.arrived_in, boot_) != boot_) post.arrived_turn = turn_;
  numbers_[key] = *tag;
}

// ---- What the hub says

void Auditor::check_refusal(const PeerView& peer, const ErrorFrame& error) {
  counts_.add(Count::kRefusedSends);
  if (error.code == ErrorCode::kNotDelivered) counts_.add(Count::kNotDelivered);
  const auto session = peer.sessions.find(error.session);
  if (peer.hostile || session == peer.sessions.end()) return;
  const std::pair key{ProducerId{session->second.agent, session->second.epoch}, error.reference};
  const std::string name = "number " + std::to_string(error.reference);
  if (!looks_at_no_number(error.code) && passed_in_boot_.count(key) != 0) {
    return violated(name + " is refused, and was passed on before");
  }
  const auto tag = numbers_.find(key);
  if (tag == numbers_.end()) return;
  const bool memory = plan_.stores_nothing(posts_[tag->second - 1].to);
  if (!memory && error.code == ErrorCode::kNotDelivered) {
    violated(name + " is not delivered, and could be stored");
  }
  if (memory && (error.code == ErrorCode::kInboxFull || error.code == ErrorCode::kDiskFull)) {
    violated(name + " finds no room, and needs none");
  }
}

/// A number is settled without an envelope when its client gave it up, or its mail was passed on.
void Auditor::check_skip(const Skip& skip) {
  const std::pair number{skip.producer, skip.number};
  unsaved_.erase(number);
  new_epochs_.erase(skip.producer);
  if (skip.producer.agent == id_of(plan_.hostile_agent())) return;
  if (given_up_.count(number) != 0 || passed_numbers_.count(number) != 0) return;
  violated("number " + std::to_string(skip.number) + " is settled, and nobody gave it up");
}

/// A number that was passed on is on record before what its session stores after it, and the first
/// one of an epoch before anything that came later.
void Auditor::check_saved(const Post& stored) {
  if (stored.arrived_in != boot_) return;
  const auto first = unsaved_.lower_bound({stored.producer, 0});
  const auto last = unsaved_.upper_bound({stored.producer, UINT64_MAX});
  const bool late = std::any_of(
      first, last, [&](const auto& passed) { return passed.second <= stored.arrived_turn; });
  const bool unknown = std::any_of(new_epochs_.begin(), new_epochs_.end(), [&](const auto& epoch) {
    return epoch.second <= stored.arrived_turn && ledger_.find_series(epoch.first) == nullptr;
  });
  if (!late && !unknown) return;
  violated("number " + std::to_string(stored.number) +
           " is stored before the numbers of what was passed on earlier");
}

bool Auditor::goes_to_memory(const std::string& detail) const {
  const auto& boxes = ledger_.boxes();
  return std::any_of(boxes.begin(), boxes.end(), [&](const auto& box) {
    return box.second.memory && detail.find("agent=" + box.first.hex()) != std::string::npos;
  });
}

void Auditor::check_passed_notify(const PeerView& peer, const NotifyView& notify) {
  const auto view = parse_envelope(notify.envelope);
  if (!view) return violated("what is no envelope is passed on");
  const std::string name = "unstored envelope " + view->envelope_id().hex();
  const Box* box = ledger_.find_box(view->channel_id());
  if (box == nullptr || !box->memory || box->retired) {
    return violated(name + " is of no mailbox that stores nothing");
  }
  const auto session = peer.sessions.find(notify.session);
  if (session != peer.sessions.end() && mailbox_of(session->second.agent) != view->channel_id()) {
    return violated("mail of another agent is delivered");
  }
  if (notify.position != Position{} || notify.attempt != 1) {
    return violated(name + " has a position, or came before");
  }
  PassedOn& mail = turn_passed_.emplace_back();
  mail.id = view->envelope_id();
  mail.channel = view->channel_id();
  mail.sender = view->sender_id();
  mail.hash = hash_of(notify.envelope);
  if (mail.sender.is_zero()) return check_passed_notice(*view);
  if (mail.sender == id_of(plan_.hostile_agent())) return;
  mail.tag = tag_of(view->event_data()).value_or(0);
  if (mail.tag == 0 || mail.tag > posts_.size() || !is_intact(mail.tag, view->event_data())) {
    return violated(name + " is not what anybody posted");
  }
}

/// What it tells is durable, of its receiver's mail, and was not told before.
void Auditor::check_passed_notice(const EnvelopeView& notice) {
  counts_.add(Count::kNoticesPassed);
  const bool dead = notice.event_type() == "capstan.delivery.dead";
  if (!dead && notice.event_type() != "capstan.delivery.expired") {
    return violated("a notice is passed on that tells nothing");
  }
  const auto data = decode_params(notice.event_data());
  const auto* ids = data ? data->texts("envelope_ids") : nullptr;
  if (ids == nullptr) return violated("a notice names no envelopes");
  for (const std::string& text : *ids) {
    const auto id = EnvelopeId::from_text(text);
    const Stored* stored = id ? ledger_.find(*id) : nullptr;
    if (stored == nullptr || !stored->settled ||
        stored->why != (dead ? SettledWhy::kDead : SettledWhy::kExpired)) {
      return violated("a notice is passed on before what it tells is durable: " + text);
    }
    if (mailbox_of(stored->sender) != notice.channel_id()) {
      return violated("a notice goes to somebody else");
    }
    if (!announced_.insert(*id).second) return violated("an envelope's end is told twice: " + text);
  }
}

void Auditor::hub_turn_over() {
  ++turn_;
  std::vector<PassedOn> passed = std::exchange(turn_passed_, {});
  std::sort(passed.begin(), passed.end(),
            [](const PassedOn& a, const PassedOn& b) { return a.id < b.id; });
  for (const PassedOn& mail : passed) check_passed(mail);
  for (const ToldNumber& told : std::exchange(turn_told_, {})) check_told_number(told);
}

void Auditor::check_passed(const PassedOn& mail) {
  const std::string name = "unstored envelope " + mail.id.hex();
  if (mail.id.sequence().value != ++passed_count_) {
    return violated(name + " is not the next of its kind");
  }
  if (mail.id <= passed_id_ || mail.id <= earlier_id_) {
    return violated(name + " has an id that does not grow");
  }
  passed_id_ = mail.id;
  passed_[mail.id] = mail;
  if (mail.tag != 0) check_passed_post(mail);
}

void Auditor::check_passed_post(const PassedOn& mail) {
  Post& post = posts_[mail.tag - 1];
  const std::string name = "post " + std::to_string(mail.tag);
  counts_.add(Count::kPassedOn);
  if (!ledger_.was_agent(mail.sender, plan_.agents[post.sender])) {
    return violated(name + " is passed on with a sender who did not post it");
  }
  if (ledger_.find_box(mail.channel)->owner != plan_.agents[post.to]) {
    return violated(name + " is passed on to another agent than it was posted to");
  }
  if (post.fate == Fate::kRefused) return violated(name + " is passed on after its refusal");
  if (post.fate == Fate::kAccepted) return violated(name + " is passed on after its acceptance");
  if (post.passed_in == boot_) return violated(name + " is passed on twice by one hub");
  const std::pair number{post.producer, post.number};
  const Series* series = ledger_.find_series(post.producer);
  if (series != nullptr && series->numbers.count(post.number) != 0) {
    return violated(name + " is passed on, and its number is settled on disk");
  }
  Tag& last = last_passed_[{post.stream, post.to}];
  Tag& last_in_boot = last_passed_in_boot_[{post.stream, post.to}];
  // What an earlier hub passed on may come again, with all that followed it.
  if (mail.tag <= last_in_boot || (post.passed_in == 0 && mail.tag < last)) {
    return violated(name + " is passed on after post " +
                    std::to_string(std::max(last, last_in_boot)) + " of the same session");
  }
  counts_.add(Count::kPassedAgain, post.passed_in == 0 ? 0 : 1);
  last = std::max(last, mail.tag);
  last_in_boot = mail.tag;
  post.passed_in = boot_;
  passed_numbers_.insert(number);
  passed_in_boot_.insert(number);
  unsaved_[number] = turn_;
  if (series == nullptr) new_epochs_.emplace(post.producer, turn_);
}

void Auditor::check_told_number(const ToldNumber& told) {
  const std::string name = "number " + std::to_string(told.number);
  const std::pair key{told.producer, told.number};
  if (!told.id.is_zero()) {
    const auto mail = passed_.find(told.id);
    if (mail == passed_.end())
      return violated(name + " is accepted, and nobody was given its mail");
    if (told.number == 0) return;  // A hostile peer's.
    const auto tag = numbers_.find(key);
    if (tag == numbers_.end() || tag->second != mail->second.tag) {
      violated(name + " is accepted with another one's id");
    }
    return;
  }
  if (passed_numbers_.count(key) != 0) counts_.add(Count::kPassedKnown);
  if (passed_in_boot_.count(key) != 0) return;
  const Series* series = ledger_.find_series(told.producer);
  if (series == nullptr || series->numbers.count(told.number) == 0) {
    return violated(name + " is accepted before its commit was durable");
  }
  if (!series->numbers.at(told.number).is_zero()) {
    violated(name + " is accepted with another id than the stored one");
  }
}

void Auditor::hub_stopped() {
  for (const auto& [number, turn] : unsaved_) {
    if (ledger_.is_retired(number.first.agent)) continue;
    return violated("number " + std::to_string(number.second) +
                    " was passed on, and a stop forgets it");
  }
}

// ---- What applications see

void Auditor::accepted_unstored(Tag tag, const EnvelopeId& id) {
  const std::string name = "post " + std::to_string(tag);
  const auto mail = passed_.find(id);
  if (!id.is_zero() && (mail == passed_.end() || mail->second.tag != tag)) {
    return violated(name + " is accepted with another one's id " + id.hex());
  }
  if (posts_[tag - 1].passed_in == 0) violated(name + " is accepted, and nobody was given it");
}

void Auditor::delivered_unstored(std::size_t agent, Stream stream, const Delivered& delivery) {
  const EnvelopeId id = stamped_id(delivery.envelope);
  const std::string name = "unstored envelope " + id.hex();
  const auto at = passed_.find(id);
  if (at == passed_.end()) return violated(name + " is shown, and the hub never passed it on");
  PassedOn& mail = at->second;
  if (delivery.position != Position{} || delivery.attempt != 1) {
    return violated(name + " is shown with a position, or as one that came before");
  }
  if (hash_of(delivery.envelope) != mail.hash) return violated(name + " is shown with other bytes");
  if (ledger_.find_box(mail.channel)->owner != plan_.agents[agent]) {
    return violated(name + " is shown to another agent");
  }
  if (std::exchange(mail.shown, true)) return violated(name + " is shown twice");
  EnvelopeId& last = last_unstored_shown_[stream];
  if (id < last) return violated(name + " is shown after a later one");
  last = id;
}

}  // namespace capstan::sim
