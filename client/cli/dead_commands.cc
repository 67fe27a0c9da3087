#include <iostream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "operator_request.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

/// All pages. `name` empty: of every agent.
Result<std::vector<ParamMap>> list_letters(HubClient& client, const std::string& name) {
  std::vector<ParamMap> letters;
  bool more = true;
  while (more) {
    ParamMap page;
    if (!name.empty()) page.set("name", name);
    if (!letters.empty()) page.set("after", letters.back().number("record").value_or(0));
    const auto answer = ask(client, "dead_list", page);
    if (!answer) return answer.error();
    const std::vector<ParamMap>* found = answer->maps("letters");
    if (found != nullptr) letters.insert(letters.end(), found->begin(), found->end());
    more = answer->flag("more").value_or(false) && found != nullptr;
  }
  return letters;
}

void print_letters(const std::vector<ParamMap>& letters) {
  Table table({"RECORD", "AGENT", "FROM", "DIED", "FAILED", "BYTES", "ENVELOPE ID", "REASON"});
  for (const ParamMap& letter : letters) {
    const bool removed = letter.flag("removed").value_or(false);
    // Its name may be another one's by now: the id says whose letters these are.
    const std::string agent = removed ? to_hex(letter.bytes("agent_id").value_or(ByteBuffer()))
                                      : letter.text("agent").value_or("");
    table.add(
        {std::to_string(letter.number("record").value_or(0)), agent,
         letter.text("sender").value_or(""), utc_time(letter.number("died_at_ns").value_or(0)),
         std::to_string(letter.number("attempts").value_or(0)),
         // Of the envelope itself nothing is left then.
         letter.flag("lost").value_or(false) ? "lost"
                                             : std::to_string(letter.number("bytes").value_or(0)),
         to_hex(letter.bytes("envelope_id").value_or(ByteBuffer())),
         printable(letter.text("reason").value_or(""))});
  }
  table.print(std::cout);
}

/// The letters that the command names; of all of them, those whose copy is still there.
Result<std::vector<std::uint64_t>> chosen_records(HubClient& client,
                                                  const DeadLetterOptions& options) {
  if (!options.all) return options.records;
  const auto letters = list_letters(client, options.name);
  if (!letters) return letters.error();
  std::vector<std::uint64_t> records;
  for (const ParamMap& letter : *letters) {
    const std::uint64_t record = letter.number("record").value_or(0);
    if (letter.flag("lost").value_or(false)) {
      warn("letter " + std::to_string(record) + " is lost with a damaged part of the disk");
    } else {
      records.push_back(record);
    }
  }
  return records;
}

Result<std::uint64_t> drop(HubClient& client, const ParamMap& params) {
  std::uint64_t dropped = 0;
  bool more = true;
  while (more) {
    const auto answer = ask(client, "dead_drop", params);
    if (!answer) return answer.error();
    dropped += answer->number("dropped").value_or(0);
    more = answer->flag("more").value_or(false);
  }
  return dropped;
}

bool names_letters(const DeadLetterOptions& options) {
  if (options.all != options.records.empty()) {
    (void)report({ErrorCode::kInvalidArgument, "say which records, or --all"});
    return false;
  }
  return true;
}

}  // namespace

int run_dead_list(const CommonOptions& common, const DeadListOptions& options) {
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  const auto letters = list_letters(**client, options.name);
  if (!letters) return report(letters.error());
  if (common.json) {
    std::cout << json_text(to_json(*letters));
  } else if (letters->empty()) {
    std::cout << "no dead letters\n";
  } else {
    print_letters(*letters);
  }
  return kExitDone;
}

int run_dead_resend(const CommonOptions& common, const DeadLetterOptions& options) {
  if (!names_letters(options)) return kExitUsage;
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  const auto records = chosen_records(**client, options);
  if (!records) return report(records.error());
  for (const std::uint64_t record : *records) {
    const auto answer =
        ask(**client, "dead_resend", ParamMap().set("name", options.name).set("record", record));
    if (!answer) return report(answer.error());
    const std::string id = to_hex(answer->bytes("envelope_id").value_or(ByteBuffer()));
    if (common.json) {
      std::cout << json_line({{"record", record}, {"envelope_id", id}});
    } else {
      std::cout << "resent " << record << " as " << id << '\n';
    }
  }
  return kExitDone;
}

int run_dead_drop(const CommonOptions& common, const DeadLetterOptions& options) {
  if (!names_letters(options)) return kExitUsage;
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  std::uint64_t dropped = 0;
  std::vector<ParamMap> requests;
  if (options.all) requests.push_back(ParamMap().set("all", true));
  for (const std::uint64_t record : options.records) {
    requests.push_back(ParamMap().set("record", record));
  }
  for (ParamMap& request : requests) {
    const auto some = drop(**client, request.set("name", options.name));
    if (!some) return report(some.error());
    dropped += *some;
  }
  if (common.json) {
    std::cout << json_line({{"dropped", dropped}});
  } else {
    std::cout << "dropped " << dropped << '\n';
  }
  return kExitDone;
}

}  // namespace capstan::cli
