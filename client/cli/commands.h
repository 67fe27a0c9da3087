// The commands: each returns the process's exit code.
#pragma once

#include "options.h"

namespace capstan::cli {

int run_init(const InitOptions& options);
int run_agent_add(const CommonOptions& common, const AgentAddOptions& options);
int run_agent_list(const CommonOptions& common);
int run_agent_register(const CommonOptions& common, const AgentRegisterOptions& options);
int run_agent_unregister(const CommonOptions& common, const AgentShowOptions& options);
int run_agent_show(const CommonOptions& common, const AgentShowOptions& options);
int run_agent_remove(const CommonOptions& common, const AgentRemoveOptions& options);
int run_send(const CommonOptions& common, const SendOptions& options);
int run_listen(const CommonOptions& common, const ListenOptions& options);
int run_status(const CommonOptions& common);
int run_journal_verify(const JournalToolOptions& options);
int run_journal_dump(const JournalToolOptions& options);
int run_inbox(const CommonOptions& common, const InboxOptions& options);
int run_dead_list(const CommonOptions& common, const DeadListOptions& options);
int run_dead_resend(const CommonOptions& common, const DeadLetterOptions& options);
int run_dead_drop(const CommonOptions& common, const DeadLetterOptions& options);
int run_trace(const CommonOptions& common, const TraceOptions& options);

}  // namespace capstan::cli
