// Frames that open, bind, keep alive and close. PROTOCOL.md §5 and §6.
#include <algorithm>
#include <array>

#include "capstan/codec/limits.h"
#include "capstan/codec/params.h"
#include "capstan/security/admission.h"
#include "operations.h"
#include "stages.h"

namespace capstan {

namespace {

enum class Legal : std::uint8_t { kNever, kAlways, kAfterHello };

/// What a session that a ping looks at takes of the share of the turn, with a cursor or without.
constexpr std::uint64_t kSessionLookCost = 16;

/// Which frame a client may send in which state of its connection.
constexpr std::array<Legal, 17> kLegal = [] {
  std::array<Legal, 17> legal{};
  legal.fill(Legal::kNever);
  const auto set = [&](FrameType type, Legal when) {
    legal[static_cast<std::size_t>(type)] = when;
  };
  set(FrameType::kHello, Legal::kAlways);
  set(FrameType::kBye, Legal::kAlways);
  set(FrameType::kAttach, Legal::kAfterHello);
  set(FrameType::kSend, Legal::kAfterHello);
  set(FrameType::kReceipt, Legal::kAfterHello);
  set(FrameType::kPing, Legal::kAfterHello);
  set(FrameType::kRequest, Legal::kAfterHello);
  set(FrameType::kSubscribe, Legal::kAfterHello);
  set(FrameType::kUnsubscribe, Legal::kAfterHello);
  return legal;
}();

void respond(Core& core, Connection& connection, std::uint64_t request_id, const Error& error) {
  core.reply(connection, Response{request_id, error.code, error.context, {}});
}

/// Where the receiver begins: the first position whose envelope may lie after `since`.
void set_start(const Core& core, Session& session, const Since& since) {
  switch (since.kind) {
    case Since::Kind::kAll:
      break;
    case Since::Kind::kAfter:
      session.after = since.after;
      break;
    case Since::Kind::kNothing:
      session.after = EnvelopeId::make(core.id_clock_ns, 0, core.state.applied());
      break;
  }
  // Written mail of an earlier process may be lost, and its sequence another record's by now: only
  // the clock in its id tells what came after it.
  const bool by_clock = session.inbox->durability == Durability::kWritten &&
                        session.after.clock_ns() <= core.start.id_time_ceiling_ns;
  if (by_clock) return;
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    const MailRuns& runs = session.inbox->mailbox->lanes[i];
    const auto after = runs.reaching(session.after.sequence());
    if (after != runs.end()) session.lanes[i].next = after->first;
  }
}

void supersede(Core& core, Session& old) {
  core.reply(*old.connection, ErrorFrame{old.id, FrameType::kNone, 0, ErrorCode::kSuperseded,
                                         "another receiving session of this agent was opened"});
  core.audit("superseded", "agent=" + old.agent.hex());
  // A process that died and is back before its lease ends looks like this, too.
  note_lost_session(old);
  end_session(core, old);
}

void bind_receiver(Core& core, Session& session, const Attach& attach) {
  Inbox& inbox = core.inbox_of(session.agent);
  if (inbox.receiver != nullptr) supersede(core, *inbox.receiver);
  inbox.receiver = &session;
  note_presence(core, session.agent);
  session.inbox = &inbox;
  session.credit_until = attach.credit_until;
  session.credit_bytes = attach.credit_bytes;
  judge_lost_session(core, session);
  set_start(core, session, attach.since);
}

/// Why the hub binds nothing for this attach, whoever it is for.
Status check_attach(const Core& core, const Connection& connection, const Attach& attach) {
  // It may make an agent, or count a delivery as failed: records that a stopping hub waits for.
  if (core.stopping) return {ErrorCode::kHubStopping, "the hub is stopping"};
  // A name that no agent has is neither audited nor repeated: it may be anything.
  if (Status valid = check_agent_name(attach.agent); !valid) return valid;
  if (attach.first_number > kSendNumberMax) {
    return {ErrorCode::kInvalidArgument,
            "the highest number of a send is " + std::to_string(kSendNumberMax)};
  }
  if (attach.session == 0 || (connection.sessions.size() >= kSessionsPerConnectionMax &&
                              connection.sessions.count(attach.session) == 0)) {
    return {ErrorCode::kInvalidArgument, "session ids are above 0, and at most " +
                                             std::to_string(kSessionsPerConnectionMax) +
                                             " stand on one connection"};
  }
  return {};
}

/// Errors: kEpochForgotten. Otherwise the number up to which all is settled.
Result<std::uint64_t> bind_poster(Core& core, Session& session, const Attach& attach) {
  if (attach.epoch == 0) return std::uint64_t{0};
  const ProducerId id{session.agent, attach.epoch};
  const auto older = core.posters.find(id);
  if (older != core.posters.end()) save_numbers(core, *older->second);
  const Producer* producer = core.state.find_producer(id);
  if (producer == nullptr && attach.first_number > 1) {
    return {ErrorCode::kEpochForgotten,
            "the hub knows nothing of this epoch; take a new one, and treat what is unaccepted as "
            "of unknown outcome"};
  }
  if (older != core.posters.end()) end_session(core, *older->second);
  core.posters[id] = &session;
  session.epoch = attach.epoch;
  const std::uint64_t floor = producer == nullptr ? 0 : producer->floor();
  // What is open below settled numbers has to come first; the settled ones need not come again.
  session.settled_before = producer == nullptr ? 0 : producer->settled().highest();
  session.expected = std::max(floor + 1, attach.first_number);
  return floor;
}

void handle(Core& core, Connection& connection, const Hello& hello) {
  if (hello.version_major != kWireVersionMajor) {
    if (!core.has_share(connection)) {
      ++core.counters.refused_frames;
      return;
    }
    core.answer_now(connection,
                    Bye{ErrorCode::kUnsupportedVersion,
                        "the hub speaks wire version " + std::to_string(kWireVersionMajor) +
                            ", the client " + std::to_string(hello.version_major)});
    return;
  }
  if (connection.welcomed && !core.has_share(connection)) {
    refuse_frame(core, connection, static_cast<std::uint8_t>(FrameType::kHello),
                 ErrorCode::kUnavailable, "one hello a turn is enough");
    return;
  }
  connection.welcomed = true;
  Welcome welcome;
  welcome.version_major = kWireVersionMajor;
  welcome.version_minor = kWireVersionMinor;
  welcome.boot = core.start.boot;
  welcome.envelope_bytes_max = kEnvelopeBytesMax;
  welcome.batch_bytes_max = kBatchBytesMax;
  welcome.window = core.window;
  welcome.heartbeat_ms = core.config.heartbeat_ms;
  welcome.lease_ms = core.config.lease_ms;
  welcome.operations = operation_names();
  core.answer_now(connection, welcome);
}

void handle(Core& core, Connection& connection, const Attach& attach) {
  if (const Status possible = check_attach(core, connection, attach); !possible) {
    respond(core, connection, attach.request_id, possible.error());
    return;
  }
  const auto agent = authorize_name(core, connection, attach.agent);
  if (!agent) {
    if (agent.error().code == ErrorCode::kAccessDenied) {
      ++core.counters.refused_identity;
      core.audit("access_denied", "key=" + connection.identity.name + " name=" + attach.agent);
    }
    respond(core, connection, attach.request_id, agent.error());
    return;
  }
  const auto same = connection.sessions.find(attach.session);
  if (same != connection.sessions.end()) end_session(core, *same->second);
  auto owned = std::make_unique<Session>();
  Session& session = *owned;
  session.connection = &connection;
  session.id = attach.session;
  session.agent = *agent;
  session.mode = attach.mode;
  const auto floor = bind_poster(core, session, attach);
  if (!floor) {
    respond(core, connection, attach.request_id, floor.error());
    return;
  }
  connection.sessions.emplace(attach.session, std::move(owned));
  if (attach.mode == AttachMode::kReceive) bind_receiver(core, session, attach);
  const AgentId id = *agent;
  ParamMap result;
  result.set("agent_id", ByteBuffer(id.bytes.begin(), id.bytes.end()));
  result.set("floor", *floor);
  core.reply(connection, Response{attach.request_id, ErrorCode::kOk, {}, encode_params(result)});
  // The first delivery must not overtake the answer.
  if (core.uncommitted()) {
    CommitConsequences& answer = core.consequences();
    answer.touched.insert(session.agent);
    session.opens_with = core.builder.empty() ? answer.number : core.next_commit;
  } else {
    mark_ready(core, session);
  }
}

void handle(Core& core, Connection& connection, const Ping& ping) {
  // A pong proves that the core lives: it alone never waits for the disk.
  Pong pong{ping.nonce, {}};
  // Who pings as fast as it can has heard the cursors.
  if (core.has_share(connection)) {
    core.charge(connection, kSessionLookCost * connection.sessions.size());
    for (const auto& [id, session] : connection.sessions) {
      if (session->inbox != nullptr) pong.cursors.emplace_back(id, session->inbox->durable_floor);
    }
  }
  core.answer_now(connection, pong);
}

void handle(Core& core, Connection& connection, const Request& request) {
  handle_request(core, connection, request);
}

/// Subscriptions are answered like requests; there is one topic.
template <typename Wish>
void answer_topic(Core& core, Connection& connection, const Wish& wish,
                  void (*act)(Core&, Connection&, const Wish&)) {
  if (wish.topic != kPresenceTopic) {
    respond(core, connection, wish.request_id,
            {ErrorCode::kInvalidArgument,
             "no topic '" + printable(wish.topic) + "'; there is " + std::string(kPresenceTopic)});
    return;
  }
  act(core, connection, wish);
  core.reply(connection, Response{wish.request_id, ErrorCode::kOk, {}, encode_params({})});
}

void handle(Core& core, Connection& connection, const Subscribe& subscribe) {
  answer_topic(core, connection, subscribe, subscribe_to_presence);
}

void handle(Core& core, Connection& connection, const Unsubscribe& unsubscribe) {
  answer_topic(core, connection, unsubscribe, unsubscribe_from_presence);
}

void handle(Core& core, Connection& connection, const Bye& bye) {
  if (bye.session != 0) {
    const auto at = connection.sessions.find(bye.session);
    if (at != connection.sessions.end()) end_session(core, *at->second);
    return;
  }
  const ConnectionId id = connection.id;
  close_peer(core, id);
  core.effects->push_back(Evict{id});
}

// The hub sends these; kLegal keeps them from getting here.
template <typename HubFrame>
void handle(Core&, Connection&, const HubFrame&) {}

}  // namespace

void refuse_frame(Core& core, Connection& connection, std::uint8_t type, ErrorCode code,
                  std::string message) {
  ++core.counters.refused_frames;
  if (!core.has_share(connection)) return;
  core.reply(connection, ErrorFrame{0, static_cast<FrameType>(type), 0, code, std::move(message)});
}

namespace {

/// Nothing of it is parsed. Who asked gets an answer that it can tell from others.
void refuse_too_large(Core& core, Connection& connection, std::uint8_t type, Bytes frame) {
  const std::string message = "a control frame has at most " +
                              std::to_string(kControlFrameBytesMax) + " octets, not " +
                              std::to_string(frame.size());
  const auto request_id = peek_request_id(frame);
  if (!request_id) {
    refuse_frame(core, connection, type, ErrorCode::kTooLarge, message);
    return;
  }
  ++core.counters.refused_frames;
  respond(core, connection, *request_id, {ErrorCode::kTooLarge, message});
}

}  // namespace

void handle_control(Core& core, Connection& connection, std::uint8_t type, Bytes frame) {
  const Legal legal = type < kLegal.size() ? kLegal[type] : Legal::kNever;
  if (legal == Legal::kNever) {
    refuse_frame(core, connection, type, ErrorCode::kUnknownFrame,
                 "frame type " + std::to_string(type) + " is none that a client of version " +
                     std::to_string(kWireVersionMajor) + " sends");
    return;
  }
  if (legal == Legal::kAfterHello && !connection.welcomed) {
    refuse_frame(core, connection, type, ErrorCode::kNotConnected,
                 "say hello first: the hub does not know this connection");
    return;
  }
  if (frame.size() > kControlFrameBytesMax) {
    refuse_too_large(core, connection, type, frame);
    return;
  }
  const auto control = decode_control(frame);
  if (!control) {
    refuse_frame(core, connection, type, control.error().code, control.error().context);
    return;
  }
  std::visit([&](const auto& typed) { handle(core, connection, typed); }, *control);
}

}  // namespace capstan
