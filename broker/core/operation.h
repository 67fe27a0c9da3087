// What an operation is, and what the files of operations share. Each file holds one matter; the
// table that names them all is in operations.cc. PROTOCOL.md §7.
#pragma once

#include <optional>
#include <string>

#include "capstan/base/result.h"
#include "capstan/codec/params.h"
#include "stages.h"

namespace capstan {

/// Answers now, or not at all when it has arranged for a later answer (empty optional).
using Answer = std::optional<Result<ParamMap>>;
using Operation = Answer (*)(Core&, Connection&, const Request&, const ParamMap&);

namespace operations {

// directory.cc
[[nodiscard]] Answer get_agent(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer list_agents(Core&, Connection&, const Request&, const ParamMap&);
// registration.cc
[[nodiscard]] Answer register_agent(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer unregister_agent(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer set_resume(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer set_skill(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer set_rule(Core&, Connection&, const Request&, const ParamMap&);
// agent_operations.cc
[[nodiscard]] Answer agent_add(Core&, Connection&, const Request&, const ParamMap&);
// remove_operation.cc
[[nodiscard]] Answer agent_remove(Core&, Connection&, const Request&, const ParamMap&);
// status_operation.cc
[[nodiscard]] Answer status(Core&, Connection&, const Request&, const ParamMap&);
// inbox_operation.cc
[[nodiscard]] Answer inbox(Core&, Connection&, const Request&, const ParamMap&);
// dead_operations.cc
[[nodiscard]] Answer dead_list(Core&, Connection&, const Request&, const ParamMap&);
[[nodiscard]] Answer dead_drop(Core&, Connection&, const Request&, const ParamMap&);
// resend_operation.cc
[[nodiscard]] Answer dead_resend(Core&, Connection&, const Request&, const ParamMap&);
// trace_operation.cc
[[nodiscard]] Answer trace(Core&, Connection&, const Request&, const ParamMap&);

}  // namespace operations

// operations.cc
[[nodiscard]] bool is_admin(const Connection& connection);
/// Counts and audits that the connection asked for what is not its own.
[[nodiscard]] Error deny_operation(Core& core, const Connection& connection,
                                   const std::string& operation, std::string message);
void answer_request(Core& core, Connection& connection, std::uint64_t request_id,
                    const Result<ParamMap>& answer);
/// The agent that the text `name` names. Errors: kInvalidArgument, kNotFound.
[[nodiscard]] Result<AgentId> named_agent(const Core& core, const ParamMap& params);
/// Empty when the hub does not know the agent.
[[nodiscard]] std::string name_of(const Core& core, AgentId agent);

template <typename Tag>
[[nodiscard]] ByteBuffer id_bytes(const Id<Tag>& id) {
  return {id.bytes.begin(), id.bytes.end()};
}

// parked_requests.cc
/// Reads the record `parked.record`, and answers with what `parked.resume` makes of it: now when
/// `block` (its base; zero: not known) is in memory.
[[nodiscard]] Answer with_record(Core& core, ParkedRequest parked, Sequence block);

}  // namespace capstan
