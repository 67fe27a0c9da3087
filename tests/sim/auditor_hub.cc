// What reaches the disk, what a start makes of it, and what the hub says.
#include <algorithm>

#include "auditor.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/params.h"
#include "trace.h"

namespace capstan::sim {

void Auditor::durable(std::span<const SharedBlock> blocks) {
  take_blocks(blocks);
  written_ends_.erase(written_ends_.begin(), written_ends_.upper_bound(ledger_.last()));
  const std::uint64_t silent = ledger_.take_unannounced();
  if (silent > notices_dropped_) violated("the senders of dead letters are not told");
  notices_dropped_ -= std::min(notices_dropped_, silent);
}

void Auditor::notice_dropped(const std::string& detail) {
  const bool unheard = detail.find("reason=not_delivered") != std::string::npos;
  if (unheard != goes_to_memory(detail)) violated("a notice is dropped: " + detail);
  if (unheard) return counts_.add(Count::kNoticesUnheard);
  if (detail.find("capstan.delivery.dead") == std::string::npos) return;
  const std::string key = "envelopes=";
  notices_dropped_ += std::stoull(detail.substr(detail.find(key) + key.size()));
}

void Auditor::take_blocks(std::span<const SharedBlock> blocks) {
  for (const SharedBlock& block : blocks) {
    const std::uint64_t failures = ledger_.failures();
    const std::size_t agents = ledger_.agents().size();
    if (std::string wrong = ledger_.take(*block); !wrong.empty()) return violated("WAL: " + wrong);
    counts_.add(Count::kFailed, ledger_.failures() - failures);
    counts_.add(Count::kRemovals, ledger_.agents().size() < agents ? 1 : 0);
    auto skip = ledger_.skipped().begin();
    for (const auto& [channel, position] : ledger_.fresh()) {
      const Sequence stored = ledger_.find_box(channel)->mail[position.value - 1].id.sequence();
      for (; skip != ledger_.skipped().end() && skip->sequence < stored; ++skip) check_skip(*skip);
      check_fresh(channel, position);
    }
    for (; skip != ledger_.skipped().end(); ++skip) check_skip(*skip);
  }
  // A commit or several whole ones: what a gap costs is told in the commit that records it.
  if (std::string untold = ledger_.untold(); !untold.empty()) violated("WAL: " + untold);
}

void Auditor::check_settled(const ChannelId& channel, const Stored& stored,
                            const std::string& name) {
  if (stored.why == SettledWhy::kExpired) return counts_.add(Count::kExpired);
  if (stored.why == SettledWhy::kDead && ledger_.boxes().at(channel).retired) {
    return counts_.add(Count::kBuried);
  }
  if (stored.why == SettledWhy::kDead) {
    if (stored.failed < plan_.hub.max_deliver) violated(name + " died before its last attempt");
    return counts_.add(Count::kDead);
  }
  if (!stored.acknowledged && channel != mailbox_of(id_of(plan_.hostile_agent()))) {
    violated(name + " is settled, and its receiver has not acknowledged it");
  }
}

void Auditor::check_fresh(const ChannelId& channel, Position position) {
  Stored& stored = ledger_.find_box(channel)->mail[position.value - 1];
  settle_unsynced(channel, position, stored);
  const AgentId mallory = id_of(plan_.hostile_agent());
  const std::string name = "envelope " + stored.id.hex();
  if (stored.settled) return check_settled(channel, stored, name);
  if (stored.from_hub) return counts_.add(Count::kNotices);
  if (stored.sender == mallory) return;
  if (!stored.tag || *stored.tag == 0 || *stored.tag > posts_.size()) {
    return violated(name + " is stored, and nobody posted it");
  }
  Post& post = posts_[*stored.tag - 1];
  if (!ledger_.was_agent(stored.sender, plan_.agents[post.sender])) {
    return violated(name + " is stored with a sender who did not post it");
  }
  if (ledger_.boxes().at(channel).owner != plan_.agents[post.to]) {
    return violated(name + " is stored in another mailbox than it was posted to");
  }
  if (post.stored) {
    return violated(name + " is the second copy of post " + std::to_string(*stored.tag));
  }
  if (post.fate == Fate::kRefused) return violated(name + " is stored after its refusal");
  post.stored = true;
  check_saved(post);
  Tag& last = last_stored_[{post.stream, post.to}];
  if (*stored.tag <= last) {
    return violated(name + ": post " + std::to_string(*stored.tag) + " is stored after post " +
                    std::to_string(last) + " of the same session");
  }
  last = *stored.tag;
}

void Auditor::booted() {
  sent_.clear();
  notices_dropped_ = 0;
  counts_.add(Count::kNumbersForgotten, unsaved_.size());
  unsaved_.clear();
  new_epochs_.clear();
  passed_in_boot_.clear();
  last_passed_in_boot_.clear();
  passed_count_ = 0;
  turn_ = 0;
  earlier_id_ = std::max(told_id_, passed_id_);
  ++boot_;
}

void Auditor::recovered(Sequence last, std::span<const SharedBlock> blocks, const State& state) {
  recovered_up_to_ = last;
  check_end(last);
  if (!violation_.empty()) return;
  if (unknown_last_) {
    counts_.add(last > ledger_.last() ? Count::kUnknownSurvived : Count::kUnknownLost);
    unknown_last_.reset();
  }
  const auto fresh = std::find_if(blocks.begin(), blocks.end(), [&](const SharedBlock& block) {
    return block->base > ledger_.last();
  });
  take_blocks(blocks.subspan(static_cast<std::size_t>(fresh - blocks.begin())));
  if (!violation_.empty()) return;
  if (last != ledger_.last()) return violated("a start does not hand out the end of the WAL");
  forget_unsynced(last);
  // Whether there was room for a notice, an earlier boot has said to nobody who still knows.
  (void)ledger_.take_unannounced();
  check_state(state);
  check_series(state);
  check_letters(state);
}

/// Where a WAL may end that was `ledger_.last()` long for certain.
void Auditor::check_end(Sequence last) {
  if (last < ledger_.last()) {
    return violated("the WAL ends at " + std::to_string(last.value) + " after a start; " +
                    std::to_string(ledger_.last().value) + " was durable");
  }
  const Sequence written = written_ends_.empty() ? ledger_.last() : *written_ends_.rbegin();
  if (last < written && !power_was_cut_) {
    return violated("the WAL ends at " + std::to_string(last.value) + " after a start; " +
                    std::to_string(written.value) + " was written, and the power was never cut");
  }
  if (last > ledger_.last() && last != unknown_last_ && written_ends_.count(last) == 0) {
    violated("a start found a part of a commit, up to " + std::to_string(last.value));
  }
}

void Auditor::check_state(const State& state) {
  if (state.agents().size() != ledger_.agents().size()) return violated("agents are missing");
  for (const auto& [name, agent] : ledger_.agents()) {
    const AgentRecord* known = state.find_agent(name);
    if (known == nullptr || *known != agent) {
      return violated("agent '" + name + "' is not what the WAL says");
    }
  }
  std::uint64_t profile_bytes = 0;
  for (const auto& [name, agent] : state.agents_by_name()) {
    profile_bytes += state.find_agent(agent)->profile.bytes();
  }
  if (state.profile_bytes() != profile_bytes) {
    violated("the hub does not know how much its agents say about themselves");
  }
  for (const auto& [channel, box] : ledger_.boxes()) {
    const auto at = state.mailboxes().find(channel);
    if (box.gone) {
      if (at != state.mailboxes().end()) violated("a removed agent's mailbox stays");
      continue;
    }
    if (at == state.mailboxes().end()) return violated("mailbox " + channel.hex() + " is missing");
    const Mailbox& mailbox = at->second;
    if (mailbox.next.value != box.mail.size() + 1 || mailbox.settled.count() != box.settled_count ||
        mailbox.settled.floor() != box.settled_floor ||
        mailbox.pending_bytes != box.pending_bytes) {
      return violated("mailbox " + channel.hex() + " is not what the WAL says: next " +
                      std::to_string(mailbox.next.value) + ", settled " +
                      std::to_string(mailbox.settled.count()) + ", pending bytes " +
                      std::to_string(mailbox.pending_bytes) + " instead of " +
                      std::to_string(box.mail.size() + 1) + ", " +
                      std::to_string(box.settled_count) + ", " + std::to_string(box.pending_bytes));
    }
  }
}

void Auditor::check_series(const State& state) {
  for (const auto& [producer, series] : ledger_.series()) {
    const Producer* known = state.find_producer(producer);
    if (ledger_.is_retired(producer.agent)) {
      if (known != nullptr) return violated("the numbers of a removed agent stay");
      continue;
    }
    if (known == nullptr) {
      // Each agent's longest unused ones are forgotten, beyond many.
      if (producer.agent == id_of(plan_.hostile_agent())) continue;
      return violated("epoch " + std::to_string(producer.epoch) + " is forgotten");
    }
    if (known->floor() != series.floor || known->settled().count() != series.numbers.size()) {
      return violated("the numbers of epoch " + std::to_string(producer.epoch) +
                      " are not those of the WAL");
    }
  }
}

// Also those whose copy is lost: what there was is still known, and who asks for it is told.
void Auditor::check_letters(const State& state) {
  for (const auto& [agent, letters] : ledger_.letters()) {
    const std::deque<DeadLetter>* known = state.find_dead(agent);
    const bool same = known == nullptr
                          ? letters.empty()
                          : std::equal(known->begin(), known->end(), letters.begin(), letters.end(),
                                       [](const DeadLetter& letter, const Sequence& sequence) {
                                         return letter.record == sequence;
                                       });
    if (!same) return violated("the dead letters of " + agent.hex() + " are not those of the WAL");
  }
}

void Auditor::hub_state(const State& state) {
  if (state.applied() < ledger_.last()) violated("the hub's fold is behind the disk");
  if (state.snapshot() < ledger_.snapshot() && !ledger_.any_rotten()) {
    violated("the hub does not know of its newest snapshot: no segment before it goes");
  }
  for (const auto& [channel, box] : ledger_.boxes()) {
    const auto at = state.mailboxes().find(channel);
    if (at == state.mailboxes().end() && state.find_agent(owner_of_mailbox(channel)) == nullptr) {
      continue;  // Removed, and its mail is buried.
    }
    if (at == state.mailboxes().end() || at->second.next.value <= box.mail.size()) {
      violated("the hub's mailbox " + channel.hex() + " is behind the disk");
    }
  }
}

void Auditor::hub_received(PeerView& peer, Bytes body) {
  FrameRow row(body);
  while (const auto frame = row.next()) {
    const auto type = peek_type(*frame);
    if (type == static_cast<std::uint8_t>(FrameType::kAttach)) {
      if (const auto control = decode_control(*frame)) {
        note_attach(peer, std::get<Attach>(*control));
      }
    } else if (peer.hostile) {
      continue;
    } else if (type == static_cast<std::uint8_t>(FrameType::kSend)) {
      const auto send = decode_send(*frame);
      const auto session = peer.sessions.find(send->session);
      if (session != peer.sessions.end()) note_send(session->second, *send);
    } else if (type == static_cast<std::uint8_t>(FrameType::kReceipt)) {
      const auto receipt = decode_receipt(*frame);
      const auto session = peer.sessions.find(receipt->session);
      if (session != peer.sessions.end()) note_receipt(session->second, *receipt);
    }
  }
}

void Auditor::hub_sent(PeerView& peer, Bytes body) {
  FrameRow row(body);
  while (const auto frame = row.next()) {
    const auto type = peek_type(*frame);
    if (!type) return violated("the hub sent a frame without a type");
    if (*type == static_cast<std::uint8_t>(FrameType::kAccept)) {
      const auto accept = decode_accept(*frame);
      if (!accept) return violated("the hub sent a broken accept");
      check_accept(peer, *accept);
    } else if (*type == static_cast<std::uint8_t>(FrameType::kNotify)) {
      const auto notify = decode_notify(*frame);
      if (!notify) return violated("the hub sent a broken notify");
      check_notify(peer, *notify);
    } else {
      const auto control = decode_control(*frame);
      if (!control) return violated("the hub sent a broken frame");
      if (const auto* response = std::get_if<Response>(&*control)) check_response(peer, *response);
      if (const auto* pong = std::get_if<Pong>(&*control)) check_pong(peer, *pong);
      if (const auto* presence = std::get_if<Presence>(&*control)) check_presence(peer, *presence);
      if (const auto* error = std::get_if<ErrorFrame>(&*control)) {
        if (error->about == FrameType::kSend) check_refusal(peer, *error);
        // A session that has ended: nothing comes after its last word.
        if (error->about == FrameType::kNone) peer.sessions.erase(error->session);
      }
    }
  }
  if (!row.well_formed()) violated("the hub sent a broken body part");
}

void Auditor::check_accept(const PeerView& peer, const Accept& accept) {
  const auto session = peer.sessions.find(accept.session);
  if (peer.hostile || session == peer.sessions.end()) {
    const EnvelopeId last = accept.first_id.plus(accept.count - 1);
    if (accept.count == 0 || accept.first_id.is_zero()) return;
    if (is_unstored(last)) return turn_told_.push_back({{}, 0, last});
    if (ledger_.find(last) == nullptr && find_unsynced(last) == nullptr) {
      violated("an accept left before its commit was durable");
    }
    return;
  }
  const ProducerId producer{session->second.agent, session->second.epoch};
  for (std::uint64_t i = 0; i < accept.count; ++i) {
    const EnvelopeId id = accept.first_id.is_zero() ? accept.first_id : accept.first_id.plus(i);
    check_accepted_number(producer, accept.first_number + i, id);
  }
}

void Auditor::check_accepted_number(const ProducerId& producer, std::uint64_t number,
                                    const EnvelopeId& id) {
  const std::string name = "number " + std::to_string(number);
  const bool first = told_.insert({producer, number}).second;
  counts_.add(Count::kDeduplicated, first ? 0 : 1);
  if (id.is_zero() || is_unstored(id)) return turn_told_.push_back({producer, number, id});
  told_id_ = std::max(told_id_, id);
  const auto unsynced = unsynced_.find(id);
  if (unsynced != unsynced_.end()) {
    counts_.add(Count::kToldUnsynced);
    unsynced->second.told = true;
    if (unsynced->second.producer == producer && unsynced->second.number == number) return;
    return violated(name + " is accepted with another one's id");
  }
  const Series* series = ledger_.find_series(producer);
  if (series == nullptr || series->numbers.count(number) == 0) {
    return violated(name + " is accepted before its commit was durable");
  }
  if (series->numbers.at(number) != id) {
    violated(name + " is accepted with another id than the stored one");
  }
}

void Auditor::check_notify(PeerView& peer, const NotifyView& notify) {
  counts_.add(Count::kDelivered);
  if (!peer.hostile) check_credit(peer, notify);
  const Bytes envelope = notify.envelope;
  if (envelope.size() >= kEnvelopeHeadBytes && is_unstored(stamped_id(envelope))) {
    return check_passed_notify(peer, notify);
  }
  const Stored* stored =
      envelope.size() < kEnvelopeHeadBytes ? nullptr : ledger_.find(stamped_id(envelope));
  const Unsynced* unsynced = stored == nullptr && envelope.size() >= kEnvelopeHeadBytes
                                 ? find_unsynced(stamped_id(envelope))
                                 : nullptr;
  if (stored == nullptr && unsynced == nullptr) {
    return violated("an envelope is delivered before it is durable");
  }
  if ((stored == nullptr ? unsynced->hash : stored->hash) != hash_of(envelope)) {
    return violated("an envelope is delivered altered");
  }
  told_id_ = std::max(told_id_, stamped_id(envelope));
  const ChannelId channel = stamped_channel(envelope);
  const auto session = peer.sessions.find(notify.session);
  if (session != peer.sessions.end() && mailbox_of(session->second.agent) != channel) {
    return violated("mail of another agent is delivered");
  }
  const bool again = !sent_.insert({channel, notify.position.value}).second;
  if (again) counts_.add(Count::kRedelivered);
  // The hostile peer begins where it likes; what it left out counts as delivered before.
  if (channel == mailbox_of(id_of(plan_.hostile_agent()))) return;
  // What an earlier boot stored, it may have sent, too.
  const bool maybe_again = again || stamped_id(envelope).sequence() <= recovered_up_to_;
  if (maybe_again != (notify.attempt > 1)) {
    violated("position " + std::to_string(notify.position.value) + " is sent " +
             (maybe_again ? "again without" : "for the first time with") +
             " the mark of a redelivery");
  }
}

void Auditor::check_response(PeerView& peer, const Response& response) {
  const auto attach = peer.attaching.find(response.request_id);
  if (attach == peer.attaching.end()) return;
  Attaching asked = std::move(attach->second);
  peer.attaching.erase(attach);
  if (response.code != ErrorCode::kOk) return;
  if (peer.hostile && asked.name != plan_.agents[plan_.hostile_agent()]) {
    return violated("somebody else's key is let in as " + asked.name);
  }
  const auto params = decode_params(response.result);
  const auto id = params ? params->bytes("agent_id") : std::nullopt;
  const auto floor = params ? params->number("floor") : std::nullopt;
  if (!id || id->size() != 16 || !floor) {
    return violated("an attach is answered without its fields");
  }
  asked.view.agent = AgentId::from_bytes(id->data());
  if (!ledger_.was_agent(asked.view.agent, asked.name)) {
    return violated("an attach is answered before its agent is durable");
  }
  const Series* series = ledger_.find_series({asked.view.agent, asked.view.epoch});
  if (*floor > (series == nullptr ? 0 : series->floor)) {
    return violated("an attach tells a floor that is not durable");
  }
  peer.sessions[asked.session] = std::move(asked.view);
}

void Auditor::check_presence(PeerView& peer, const Presence& presence) {
  if (presence.version < peer.presence_version && !presence.snapshot) {
    return violated("a presence goes back");
  }
  peer.presence_version = presence.version;
  counts_.add(Count::kPresences, presence.agents.size());
  for (const AgentPresence& agent : presence.agents) {
    // What was folded before a removal may be told when the removal is on disk already.
    if (!ledger_.was_agent(agent.agent, agent.name)) {
      violated("the presence of '" + agent.name + "' is told before it is durable");
    }
    if (agent.state != PresenceState::kRemoved) continue;
    counts_.add(Count::kRemovalsTold);
    if (!ledger_.is_retired(agent.agent))
      violated("the removal of '" + agent.name + "' is told before it is durable");
  }
}

void Auditor::registered(std::size_t agent, const Responded& answer) {
  // Nothing was done, and it may be asked again: the disk is full or behind.
  if (answer.code == ErrorCode::kDiskFull || answer.code == ErrorCode::kUnavailable) return;
  if (answer.code != ErrorCode::kOk) {
    return violated("a registration is refused: " + answer.message);
  }
  counts_.add(Count::kRegistrations);
  const auto result = decode_params(answer.result);
  const auto at = ledger_.agents().find(plan_.agents[agent]);
  if (!result || at == ledger_.agents().end() ||
      result->bytes("agent_id") !=
          ByteBuffer(at->second.id.bytes.begin(), at->second.id.bytes.end())) {
    return violated("a registration names another agent");
  }
  if (result->number("version").value_or(UINT64_MAX) > at->second.version) {
    violated("a registration is answered before it is durable");
  }
}

void Auditor::check_pong(const PeerView& peer, const Pong& pong) {
  for (const auto& [id, cursor] : pong.cursors) {
    const auto session = peer.sessions.find(id);
    if (session == peer.sessions.end()) continue;
    const Box* box = ledger_.find_box(mailbox_of(session->second.agent));
    if (box == nullptr || cursor.value > box->settled_floor) {
      return violated("a pong tells a cursor that is not durable");
    }
  }
}

}  // namespace capstan::sim
