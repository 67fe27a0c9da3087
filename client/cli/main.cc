// capstan: the command line of agents and operators.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <string_view>

#include "capstan/codec/limits.h"
#include "capstan/security/admission.h"
#include "capstan/security/layout.h"
#include "capstan/security/random.h"
#include "commands.h"
#include "config/endpoint.h"
#include "config/standard_streams.h"
#include "exit_code.h"
#include "version.h"

namespace capstan::cli {
namespace {

struct Arguments {
  CommonOptions common;
  InitOptions init;
  AgentAddOptions agent_add;
  AgentRegisterOptions agent_register;
  AgentShowOptions agent_show;
  AgentRemoveOptions agent_remove;
  SendOptions send;
  ListenOptions listen;
  JournalToolOptions journal;
  InboxOptions inbox;
  DeadListOptions dead_list;
  DeadLetterOptions dead_letters;
  TraceOptions trace;
  std::optional<double> connect_timeout_s;
  std::optional<double> listen_timeout_s;
};

// `status` is asked by whoever watches the hub, and a hub that is there answers at once.
constexpr double kStatusTimeoutS = 1;
constexpr double kConnectTimeoutS = 5;

/// Seconds on the command line: no more than milliseconds in an int hold.
constexpr double kSecondsMin = 0.001;
constexpr double kSecondsMax = 2'000'000;

/// Empty when it is a time to wait. What is no number at all is told by CLI11 itself.
std::string why_no_seconds(const std::string& text) {
  double seconds = 0;
  const bool in_range =
      CLI::detail::lexical_cast(text, seconds) && seconds >= kSecondsMin && seconds <= kSecondsMax;
  return in_range ? "" : "a time is 0.001 to 2000000 seconds";
}

int to_milliseconds(double seconds) { return static_cast<int>(seconds * 1000); }

/// Empty when it is a whole number that the option can hold. CLI11 wraps around instead.
std::string why_no_count(const std::string& text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, count);
  return read.ec == std::errc() && read.ptr == end ? "" : "'" + text + "' is no whole number";
}

/// Empty when an agent can have this name. A usage error, and no reason to look for its key.
std::string why_no_name(const std::string& text) {
  const Status good = check_agent_name(text);
  return good ? "" : good.error().context;
}

std::string why_no_receiver(const std::string& text) {
  return text.empty() ? "nobody has an empty name" : "";
}

std::string why_no_idempotency_key(const std::string& text) {
  const bool fits = !text.empty() && text.size() <= kIdempotencyKeyBytesMax;
  return fits ? "" : "a key has 1 to " + std::to_string(kIdempotencyKeyBytesMax) + " bytes";
}

/// Empty when line n's key, KEY:n, fits however many lines there are.
std::string why_no_key_of_lines(const SendOptions& send) {
  constexpr std::size_t kLongest = kIdempotencyKeyBytesMax - sizeof ":18446744073709551615" + 1;
  if (!send.lines || send.idempotency_key.size() <= kLongest) return "";
  return "--idempotency-key: with --lines a key has at most " + std::to_string(kLongest) + " bytes";
}

/// Empty when a hub may be told to listen there.
std::string why_no_listen_endpoint(const std::string& text) {
  const Result<Endpoint> endpoint = parse_endpoint(text);
  return endpoint ? "" : endpoint.error().context;
}

/// Empty when a hub may listen there. A usage error, and no reason to wait for a hub.
std::string why_no_endpoint(const std::string& text) {
  const Result<Endpoint> endpoint = parse_endpoint(text);
  if (!endpoint) return endpoint.error().context;
  const bool no_port = endpoint->transport == Transport::kTcp && endpoint->port == 0;
  return no_port ? "nobody listens on port 0" : "";
}

void add_common(CLI::App& command, Arguments& arguments) {
  command.add_option("--dir", arguments.common.directory,
                     "The hub's folder (default: $CAPSTAN_DIR, else the current directory)");
  command
      .add_option("--endpoint", arguments.common.endpoint,
                  "Where the hub listens (default: what the folder says)")
      ->check(&why_no_endpoint);
  command.add_option("--key", arguments.common.key_file,
                     "Key file (default: keys/NAME.key in the folder)");
  command
      .add_option("--connect-timeout", arguments.connect_timeout_s,
                  "Seconds to wait for a hub (default 5; of `status`: 1)")
      ->check(&why_no_seconds);
  command.add_flag("--json", arguments.common.json, "Print JSON, errors too");
}

CLI::App* add_init(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("init", "Make a hub's folder: keys, operator, config");
  command->add_option("DIR", arguments.init.directory,
                      "The folder (default: $CAPSTAN_DIR, else the current directory)");
  command->add_option("--dir", arguments.init.directory, "The same");
  command
      ->add_option("--listen", arguments.init.listen,
                   "Endpoint; with port 0 a free port is picked and written down")
      ->check(&why_no_listen_endpoint)
      ->capture_default_str();
  command->add_flag("--json", arguments.init.json, "Print JSON, errors too");
  return command;
}

CLI::App* add_send(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "send", "Send to an agent: the words, else the file, else stdin as one envelope");
  command->add_option("TO", arguments.send.to, "The receiver's name")
      ->required()
      ->check(&why_no_receiver);
  CLI::Option* text = command->add_option("TEXT", arguments.send.words,
                                          "Words, joined by blanks: they alone are sent");
  command->add_option("--as", arguments.send.as, "Who sends")->required()->check(&why_no_name);
  command->add_option("--file", arguments.send.file, "Read from this file");
  command
      ->add_flag(
          "--lines", arguments.send.lines,
          "Each line of the file, or of stdin, is an envelope; order is kept through retries")
      ->excludes(text);
  command->add_flag("--wait", arguments.send.wait,
                    "Wait while the receiver's inbox or the hub's disk is full, or a receiver "
                    "without a stored mailbox is not there");
  command->add_option("--ttl", arguments.send.ttl_seconds,
                      "Seconds; what is not delivered by then expires, and you are told by mail");
  command
      ->add_option("--priority", arguments.send.priority,
                   "background, normal or urgent; urgent mail is delivered first")
      ->check(CLI::IsMember({"background", "normal", "urgent"}))
      ->capture_default_str();
  command
      ->add_option("--idempotency-key", arguments.send.idempotency_key,
                   "The same key again within an hour is the same envelope; with --lines, line n "
                   "has KEY:n")
      ->check(&why_no_idempotency_key);
  add_common(*command, arguments);
  return command;
}

CLI::App* add_listen(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand(
      "listen", "Print what an agent is sent, one line each, and acknowledge what was printed");
  command->add_option("--as", arguments.listen.as, "Who listens")->required()->check(&why_no_name);
  command->add_option("--count", arguments.listen.count, "End after so many envelopes")
      ->check(&why_no_count);
  command
      ->add_option("--timeout", arguments.listen_timeout_s,
                   "End with 27 after so many seconds without a new envelope (default: never)")
      ->check(&why_no_seconds);
  add_common(*command, arguments);
  return command;
}

void add_journal_tool(CLI::App& command, Arguments& arguments) {
  command.add_option(
      "DIR", arguments.journal.directory,
      "The hub's folder, or its data folder (default: $CAPSTAN_DIR, else the current "
      "directory)");
  command.add_option("--dir", arguments.journal.directory, "The same");
  command.add_option("--scratch", arguments.journal.scratch,
                     "Where the copy is made (default: $TMPDIR, else /tmp)");
  command.add_flag("--json", arguments.journal.json, "Print JSON, errors too");
}

struct JournalCommands {
  CLI::App* verify;
  CLI::App* dump;
};

JournalCommands add_journal(CLI::App& app, Arguments& arguments) {
  CLI::App* journal =
      app.add_subcommand("journal", "Check or read the journal of a hub that is stopped");
  journal->require_subcommand(1);
  CLI::App* verify = journal->add_subcommand(
      "verify",
      "Check everything on a copy and name all that is lost; exit 0 when sound, 1 when damaged");
  add_journal_tool(*verify, arguments);
  CLI::App* dump =
      journal->add_subcommand("dump", "Print one record a line, from a copy; lost ones are named");
  add_journal_tool(*dump, arguments);
  dump->add_option("--from", arguments.journal.from.value, "First sequence")->check(&why_no_count);
  dump->add_option("--to", arguments.journal.to.value, "Last sequence")->check(&why_no_count);
  dump->add_flag("--payload", arguments.journal.payload, "Print what envelopes say, too");
  return {verify, dump};
}

/// The commands about what an agent says it is.
struct IdentityCommands {
  IdentityCommands(CLI::App& agent, Arguments& arguments);

  CLI::App* shows;
  CLI::App* registers;
  CLI::App* unregisters;
};

IdentityCommands::IdentityCommands(CLI::App& agent, Arguments& arguments)
    : shows(agent.add_subcommand("show", "Who an agent is, by what it says about itself")),
      registers(agent.add_subcommand(
          "register", "Say who an agent is, with its own key; replaces what was said before")),
      unregisters(agent.add_subcommand(
          "unregister", "Take it back; the agent's id, and the mail that waits for it, stay")) {
  for (CLI::App* command : {shows, unregisters}) {
    command->add_option("NAME", arguments.agent_show.name, "The agent's name")->required();
    add_common(*command, arguments);
  }
  AgentRegisterOptions& said = arguments.agent_register;
  registers->add_option("NAME", said.name, "The agent's name")->required();
  registers->add_option("--passport", said.passport, "A file with one JSON object");
  registers->add_option("--resume", said.resume,
                        "The same; its list claimed_capabilities is what agents are found by");
  registers->add_option("--skill", said.skill, "A text file: SKILL.md");
  registers->add_option("--rule", said.rule, "A file with one JSON object");
  add_common(*registers, arguments);
}

/// The commands about mail that lies at the hub.
struct MailCommands {
  MailCommands(CLI::App& app, Arguments& arguments);

  CLI::App* inbox;
  CLI::App* dead;
  CLI::App* dead_resend;
  CLI::App* dead_drop;
  CLI::App* trace;
};

CLI::App* add_dead_letters(CLI::App& dead, const char* name, const char* what,
                           Arguments& arguments) {
  CLI::App* command = dead.add_subcommand(name, what);
  command->add_option("NAME", arguments.dead_letters.name, "The agent that they were for")
      ->required();
  command->add_option("RECORD", arguments.dead_letters.records, "Which ones, as `dead list` says")
      ->check(&why_no_count);
  command->add_flag("--all", arguments.dead_letters.all, "All of this agent");
  add_common(*command, arguments);
  return command;
}

MailCommands::MailCommands(CLI::App& app, Arguments& arguments)
    : inbox(app.add_subcommand("inbox", "What waits for an agent, and what is being tried again")),
      dead(app.add_subcommand("dead", "Dead letters: list them, resend them, drop them")),
      dead_resend(add_dead_letters(
          *dead, "resend", "Post them to the same agent once more, under new ids", arguments)),
      dead_drop(add_dead_letters(*dead, "drop", "Let go of them", arguments)),
      trace(app.add_subcommand("trace", "What became of an envelope")) {
  inbox->add_option("NAME", arguments.inbox.name, "The agent")->required();
  add_common(*inbox, arguments);
  dead->require_subcommand(0, 1);
  add_common(*dead, arguments);
  CLI::App* list = dead->add_subcommand("list", "List them, of one agent or of all");
  list->add_option("NAME", arguments.dead_list.name, "The agent that they were for");
  add_common(*list, arguments);
  trace->add_option("ENVELOPE_ID", arguments.trace.envelope_id, "32 hex characters")->required();
  add_common(*trace, arguments);
}

/// Empty when none of them was given.
std::optional<int> run_mail_command(const MailCommands& commands, const Arguments& arguments) {
  const CommonOptions& common = arguments.common;
  if (commands.inbox->parsed()) return run_inbox(common, arguments.inbox);
  if (commands.dead_resend->parsed()) return run_dead_resend(common, arguments.dead_letters);
  if (commands.dead_drop->parsed()) return run_dead_drop(common, arguments.dead_letters);
  if (commands.dead->parsed()) return run_dead_list(common, arguments.dead_list);
  if (commands.trace->parsed()) return run_trace(common, arguments.trace);
  return std::nullopt;
}

/// Of arguments that are wrong. What stands behind "--" is text.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--json") return true;
  }
  return false;
}

int run_command(int argc, char** argv) {
  CLI::App app{"Capstan: a durable message hub for agents."};
  app.name("capstan");
  app.set_version_flag("--version", std::string("capstan ") + kVersion);
  app.require_subcommand(1);
  Arguments arguments;
  arguments.common.directory = default_directory();
  arguments.init.directory = arguments.common.directory;
  arguments.journal.directory = arguments.common.directory;

  CLI::App* init = add_init(app, arguments);
  CLI::App* agent = app.add_subcommand("agent", "Admit agents, list them, remove them");
  agent->require_subcommand(1);
  CLI::App* agent_add = agent->add_subcommand("add", "Make a key and admit it");
  agent_add->add_option("NAME", arguments.agent_add.name, "The agent's name")->required();
  agent_add->add_option("--names", arguments.agent_add.globs,
                        "Names that the key may use, comma-separated, * and ? allowed (default: "
                        "NAME alone)");
  agent_add
      ->add_option(
          "--durability", arguments.agent_add.durability,
          "What accepted mail survives: synced, a power cut; written, the end of the hub's "
          "process; memory, nothing: it goes to a present receiver or is refused (default: the "
          "hub's option delivery.durability)")
      ->check(CLI::IsMember({"synced", "written", "memory"}));
  add_common(*agent_add, arguments);
  CLI::App* agent_list =
      agent->add_subcommand("list", "List agents, who is there, and their waiting mail");
  add_common(*agent_list, arguments);
  const IdentityCommands identity(*agent, arguments);
  CLI::App* agent_remove = agent->add_subcommand(
      "remove", "Withdraw a name; mail that waits for it becomes dead letters");
  agent_remove->add_option("NAME", arguments.agent_remove.name, "The agent's name")->required();
  add_common(*agent_remove, arguments);
  CLI::App* send = add_send(app, arguments);
  CLI::App* listen = add_listen(app, arguments);
  CLI::App* status =
      app.add_subcommand("status", "Whether the hub is ready (exit 0, else 75), and its counters");
  add_common(*status, arguments);
  const JournalCommands journal = add_journal(app, arguments);
  const MailCommands mail(app, arguments);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0 || !wants_json(argc, argv)) {
      return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    report_as_json();
    (void)report({ErrorCode::kInvalidArgument, error.what()});
    return kExitUsage;
  }
  if (arguments.common.json || arguments.init.json || arguments.journal.json) report_as_json();
  if (const std::string why = why_no_key_of_lines(arguments.send); !why.empty()) {
    (void)report({ErrorCode::kInvalidArgument, why});
    return kExitUsage;
  }
  arguments.common.connect_timeout_ms = to_milliseconds(
      arguments.connect_timeout_s.value_or(status->parsed() ? kStatusTimeoutS : kConnectTimeoutS));
  if (arguments.listen_timeout_s) {
    arguments.listen.timeout_ms = to_milliseconds(*arguments.listen_timeout_s);
  }
  if (Status ready = init_security(); !ready) return report(ready.error());
  std::ios::sync_with_stdio(false);
  if (init->parsed()) return run_init(arguments.init);
  if (agent_add->parsed()) return run_agent_add(arguments.common, arguments.agent_add);
  if (agent_list->parsed()) return run_agent_list(arguments.common);
  if (identity.shows->parsed()) return run_agent_show(arguments.common, arguments.agent_show);
  if (identity.registers->parsed()) {
    return run_agent_register(arguments.common, arguments.agent_register);
  }
  if (identity.unregisters->parsed()) {
    return run_agent_unregister(arguments.common, arguments.agent_show);
  }
  if (agent_remove->parsed()) return run_agent_remove(arguments.common, arguments.agent_remove);
  if (send->parsed()) return run_send(arguments.common, arguments.send);
  if (listen->parsed()) return run_listen(arguments.common, arguments.listen);
  if (status->parsed()) return run_status(arguments.common);
  if (journal.verify->parsed()) return run_journal_verify(arguments.journal);
  if (journal.dump->parsed()) return run_journal_dump(arguments.journal);
  return run_mail_command(mail, arguments).value_or(kExitUsage);
}

/// Whoever reads the output must not take a part of it for all.
int main_of(int argc, char** argv) {
  if (Status opened = open_standard_streams(); !opened) return report(opened.error());
  const int exit = run_command(argc, argv);
  if (std::cout.flush() || exit != kExitDone) return exit;
  return report({ErrorCode::kIo, "cannot write to stdout"});
}

}  // namespace
}  // namespace capstan::cli

int main(int argc, char** argv) { return capstan::cli::main_of(argc, argv); }
