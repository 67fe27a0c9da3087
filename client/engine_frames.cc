// What the engine does with each frame from the hub.
#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "capstan/codec/compact.h"
#include "capstan/codec/params.h"
#include "session.h"

namespace capstan {
namespace {

std::optional<ChannelId> agent_id_in(Bytes result) {
  const auto params = decode_params(result);
  if (!params.ok()) return std::nullopt;
  const auto bytes = params->bytes("agent_id");
  if (!bytes || bytes->size() != 16) return std::nullopt;
  return ChannelId::from_bytes(bytes->data());
}

}  // namespace

void ClientEngine::frame(Time now, Bytes frame) {
  const auto type = peek_type(frame);
  if (!type) {
    drop({ErrorCode::kMalformedFrame, "the hub sent a frame without a type"});
    return;
  }
  switch (static_cast<FrameType>(*type)) {
    case FrameType::kAccept:
      return accept(now, frame);
    case FrameType::kNotify:
      return notify(frame);
    default:
      return control(now, frame);
  }
}

void ClientEngine::control(Time now, Bytes bytes) {
  const auto parsed = decode_control(bytes);
  if (parsed.ok()) {
    std::visit([&](const auto& frame) { on(now, frame); }, *parsed);
  } else if (parsed.error().code != ErrorCode::kUnknownFrame) {
    // A newer hub may say more than we know; a frame that we know but cannot read may be an answer
    // for which somebody would wait for ever.
    drop(parsed.error());
  }
}

void ClientEngine::on(Time now, const Welcome& welcome) {
  if (state_ != State::kGreeting) return;
  if (welcome.version_major != kWireVersionMajor) {
    end({ErrorCode::kUnsupportedVersion,
         "this client speaks wire version " + std::to_string(kWireVersionMajor) +
             ", the hub speaks " + std::to_string(welcome.version_major)});
    return;
  }
  state_ = State::kOpen;
  welcome_ = welcome;
  ping_ns_ = now.monotonic_ns + welcome.heartbeat_ms * kNsPerMs;
  if (welcome.batch_bytes_max > 0) {
    row_.set_bytes_max(
        static_cast<std::size_t>(std::min<std::uint64_t>(welcome.batch_bytes_max, kBatchBytesMax)));
  }
  for (auto& [id, session] : sessions_) {
    session->attach_due_ns = 0;
    touch(*session);
  }
  announce_ready();
}

void ClientEngine::on(Time now, const ErrorFrame& error) {
  const Error what{error.code, error.message};
  Session* session = find(error.session);
  if (error.session != 0 && session == nullptr) return;  // detached: late answers are expected
  if (error.code == ErrorCode::kNotConnected || error.code == ErrorCode::kUnknownSession) {
    return drop(what);
  }
  switch (error.about) {
    case FrameType::kSend:
      // The agent behind a known name may be another one by now.
      if (error.code == ErrorCode::kNotFound) {
        std::erase_if(names_, [](const auto& name) { return name.second.channel.has_value(); });
      }
      if (session != nullptr && session->state == Session::State::kAttached) {
        session->posting.refused(now, error.reference, what, events_);
        touch(*session);
      }
      return;
    case FrameType::kAttach: {
      const auto attach = attaches_.find(error.reference);
      Session* asked = attach == attaches_.end() ? session : find(attach->second);
      if (asked != nullptr) attach_refused(now, *asked, what);
      return;
    }
    case FrameType::kRequest: {
      Response response;
      response.request_id = error.reference;
      response.code = error.code;
      response.message = error.message;
      return on(now, response);
    }
    case FrameType::kHello:
      return error_reaction(error.code) == Reaction::kNever ? end(what) : drop(what);
    case FrameType::kNone:
      if (session != nullptr) return session_error(now, *session, what);
      return ends_connection(error.code) ? end(what) : drop(what);
    default:
      return;  // about a ping or a receipt: nobody waits for it
  }
}

void ClientEngine::on(Time, const Pong& pong) {
  for (const auto& [id, cursor] : pong.cursors) {
    Session* session = find(id);
    if (session == nullptr || session->agent.is_zero()) continue;
    session->receiving.forget(mailbox_of(session->agent), cursor);
  }
}

void ClientEngine::on(Time now, const Response& response) {
  if (const auto attach = attaches_.find(response.request_id); attach != attaches_.end()) {
    Session* session = find(attach->second);
    attaches_.erase(attach);
    if (session != nullptr) attach_answered(now, *session, response);
    return;
  }
  const auto found = requests_.find(response.request_id);
  if (found == requests_.end()) return;
  // Nothing was done: it is asked again of the hub that comes after this one, once what came with
  // this answer is read.
  if (response.code == ErrorCode::kHubStopping && found->second.repeat == Repeat::kYes) {
    why_left_ = Error{response.code, response.message};
    return;
  }
  const std::string name = std::move(found->second.resolves);
  requests_.erase(found);
  if (!name.empty()) return name_answered(now, name, response);
  events_.push_back(
      Responded{response.request_id, response.code, response.message, response.result});
}

void ClientEngine::on(Time, const Bye& bye) {
  Error error{bye.code, bye.message};
  if (bye.code == ErrorCode::kOk) error = {ErrorCode::kHubStopping, "the hub said goodbye"};
  if (ends_connection(error.code)) {
    end(error);
  } else {
    drop(error);
  }
}

void ClientEngine::on(Time, const Presence& presence) {
  if (!watches_presence_) return;  // It was on its way already.
  presence_boot_ = welcome_.boot;
  presence_version_ = presence.version;
  events_.push_back(PresenceHeard{presence.snapshot, !presence.more, presence.agents});
}

template <typename Unexpected>
void ClientEngine::on(Time, const Unexpected&) {}

void ClientEngine::accept(Time now, Bytes bytes) {
  const auto accept = decode_accept(bytes);
  if (!accept) return drop({ErrorCode::kMalformedFrame, "the hub sent a broken accept"});
  Session* session = find(accept->session);
  if (session == nullptr || session->state != Session::State::kAttached) return;
  session->posting.accepted(now, *accept, events_);
  touch(*session);
}

void ClientEngine::notify(Bytes bytes) {
  const auto notify = decode_notify(bytes);
  if (!notify) return drop({ErrorCode::kMalformedFrame, "the hub sent a broken notify"});
  Session* session = find(notify->session);
  // No delivery overtakes the answer to its attach: one that comes earlier is of the attach before,
  // and the hub sends it again.
  if (session == nullptr || session->state != Session::State::kAttached) return;
  if (const auto shown = session->receiving.notified(*notify)) {
    events_.push_back(
        Delivered{notify->session, *shown, notify->attempt, notify->position, notify->envelope});
  } else {
    touch(*session);  // it may have to be acknowledged again
  }
}

// ---- Sessions

void ClientEngine::attach_answered(Time now, Session& session, const Response& response) {
  if (response.code != ErrorCode::kOk) {
    return attach_refused(now, session, {response.code, response.message});
  }
  const auto agent = agent_id_in(response.result);
  if (!agent) {
    return drop({ErrorCode::kMalformedFrame, "the hub answered an attach without an agent id"});
  }
  const AgentId before = std::exchange(session.agent, owner_of_mailbox(*agent));
  // The name was removed and added again. The hub has forgotten our numbers with the agent that it
  // was: what is unaccepted may be stored under that one, and would be stored again.
  if (!before.is_zero() && before != session.agent) return take_new_epoch(session);
  session.state = Session::State::kAttached;
  session.attach_backoff.reset();
  session.posting.begin(session.agent, welcome_.window,
                        static_cast<std::size_t>(welcome_.envelope_bytes_max));
  events_.push_back(Attached{session.id, session.agent});
  touch(session);
  announce_ready();
}

void ClientEngine::attach_refused(Time now, Session& session, Error error) {
  attaches_.erase(session.attach_request);
  if (error.code == ErrorCode::kEpochForgotten) return take_new_epoch(session);
  if (error_reaction(error.code) == Reaction::kReconnect) return drop(std::move(error));
  session_error(now, session, std::move(error));
}

void ClientEngine::take_new_epoch(Session& session) {
  session.state = Session::State::kDetached;
  session.attach_due_ns = 0;
  session.posting.change_epoch(events_);
  touch(session);
}

void ClientEngine::session_error(Time now, Session& session, Error error) {
  if (error_reaction(error.code) == Reaction::kNever) {
    end_session(session, std::move(error));
  } else {
    session.state = Session::State::kDetached;
    session.posting.pause();
    session.attach_due_ns = now.monotonic_ns + session.attach_backoff.next_ns(random_);
    events_.push_back(AttachDelayed{session.id, std::move(error)});
    touch(session);
  }
  announce_ready();
}

void ClientEngine::end_session(Session& session, Error error) {
  const SessionId id = session.id;
  forget(id);
  events_.push_back(SessionEnded{id, std::move(error)});
}

void ClientEngine::announce_ready() {
  if (ready_ || state_ != State::kOpen) return;
  for (const auto& [id, session] : sessions_) {
    // A detached session whose time has not come was refused for now: it has had its answer.
    if (session->state == Session::State::kAttaching) return;
    if (session->state == Session::State::kDetached && session->attach_due_ns == 0) return;
  }
  ready_ = true;
  events_.push_back(Ready{});
}

// ---- Names

void ClientEngine::resolve_names(Session& session) {
  std::set<std::string> wanted;
  for (const auto& [number, name] : session.posting.unresolved()) wanted.insert(name);
  for (const std::string& name : wanted) {
    if (const auto refusal = refusal_of_name(name)) {
      session.posting.refuse_name(name, *refusal);
      continue;
    }
    const auto [entry, added] = names_.try_emplace(name);
    if (added) ask_for(name);
    if (entry->second.channel) session.posting.resolve(name, *entry->second.channel);
  }
}

void ClientEngine::ask_for(const std::string& name) {
  const std::uint64_t id =
      request("get_agent", encode_params(ParamMap().set("name", name)), Repeat::kYes);
  if (const auto asked = requests_.find(id); asked != requests_.end()) {
    asked->second.resolves = name;
  }
}

void ClientEngine::name_answered(Time now, const std::string& name, const Response& response) {
  Name& entry = names_[name];
  const auto channel =
      response.code == ErrorCode::kOk ? agent_id_in(response.result) : std::optional<ChannelId>();
  if (channel) {
    entry.channel = channel;
    for (auto& [id, session] : sessions_) {
      session->posting.resolve(name, *channel);
      touch(*session);
    }
    events_.push_back(NameResolved{name, *channel});
    return;
  }
  if (response.code != ErrorCode::kOk && error_reaction(response.code) != Reaction::kNever) {
    entry.ask_at_ns = now.monotonic_ns + entry.backoff.next_ns(random_);
    ++names_put_off_;
    return;
  }
  const Error error = response.code == ErrorCode::kOk
                          ? Error{ErrorCode::kMalformedFrame, "get_agent without an agent id"}
                          : Error{response.code, response.message};
  for (auto& [id, session] : sessions_) {
    session->posting.refuse_name(name, error);
    touch(*session);
  }
  names_.erase(name);  // the next send to it asks again: the agent may have been added
}

}  // namespace capstan
