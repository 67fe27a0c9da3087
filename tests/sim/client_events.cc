// What the application makes of the engine's events.
#include <algorithm>

#include "capstan/codec/envelope.h"
#include "client.h"

namespace capstan::sim {

Client::Work* Client::find(SessionId session) {
  const auto at = std::find_if(works_.begin(), works_.end(),
                               [&](const auto& work) { return work->id == session; });
  return at == works_.end() ? nullptr : at->get();
}

void Client::on(const Attached& attached) {
  backoff_.reset();
  const Work* work = find(attached.session);
  if (!common_.auditor.ledger().was_agent(attached.agent, common_.plan.agents[work->agent])) {
    common_.auditor.violated("an attach names another agent");
  }
}

void Client::on(const SessionEnded& ended) {
  Work* work = find(ended.session);
  work->over = true;
  for (const Tag tag : work->tags) {
    if (tag != 0) common_.auditor.abandoned(tag);
  }
  work->tags.clear();
  work->held.clear();
  const bool removed = leaves() && ended.error.code == ErrorCode::kAccessDenied;
  if (removed) common_.counts.add(Count::kRemovedSessions);
  if (!removed && ended.error.code != ErrorCode::kSuperseded) {
    common_.auditor.violated("a session ends with " + ended.error.text());
  }
  // Never at once: two receivers of one agent would fight. In the healed world the one that is
  // meant to stay comes back.
  const bool all_over =
      std::all_of(works_.begin(), works_.end(), [](const auto& one) { return one->over; });
  if (all_over || (calm_ && receives_)) {
    end_life(kNsPerSecond / 2 + random_.below(2 * kNsPerSecond));
  }
}

void Client::on(const Delivered& delivered) {
  Work* work = find(delivered.session);
  common_.auditor.delivered(work->agent, work->stream, delivered);
  work->held.push_back(
      {delivered.delivery, stamped_channel(delivered.envelope), delivered.position});
  plan_receipt(*work);
}

void Client::on(const Accepted& accepted) {
  Work* work = find(accepted.session);
  for (std::uint64_t i = 0; i < accepted.count; ++i) {
    Tag& tag = work->tags[static_cast<std::size_t>(accepted.first + i - work->next_number)];
    common_.auditor.accepted(tag, accepted.first_id.plus(i));
    tag = 0;
    if (work->refused.erase(accepted.first + i) > 0) common_.counts.add(Count::kRetriedRefusals);
    if (work->not_delivered.erase(accepted.first + i) > 0) {
      common_.counts.add(Count::kDeliveredAfterAll);
    }
  }
  while (!work->tags.empty() && work->tags.front() == 0) {
    work->tags.pop_front();
    ++work->next_number;
  }
}

void Client::on(const Refused& refused) {
  Work* work = find(refused.session);
  Tag& tag = work->tags[static_cast<std::size_t>(refused.number - work->next_number)];
  common_.auditor.refused(tag, refused.error);
  tag = 0;
  while (!work->tags.empty() && work->tags.front() == 0) {
    work->tags.pop_front();
    ++work->next_number;
  }
}

void Client::on(const Responded& answer) {
  const auto agent = registrations_.find(answer.request_id);
  if (agent == registrations_.end()) return;
  common_.auditor.registered(agent->second, answer);
  registrations_.erase(agent);
}

void Client::on(const MustReconnect&) {
  if (wire_ != nullptr) network_.close(std::exchange(wire_, nullptr));
  reconnect_later();
}

void Client::on(const ConnectionEnded& ended) {
  if (!leaves()) common_.auditor.violated("a connection ends with " + ended.error.text());
}

}  // namespace capstan::sim
