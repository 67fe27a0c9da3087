#include <iostream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "operator_request.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

void print_retries(const std::vector<ParamMap>& retries) {
  Table table({"POSITION", "FAILED", "AGAIN IN", "REASON"});
  for (const ParamMap& retry : retries) {
    const auto due_in_ms = retry.number("due_in_ms");
    table.add({std::to_string(retry.number("position").value_or(0)),
               std::to_string(retry.number("attempts").value_or(0)),
               due_in_ms ? std::to_string((*due_in_ms + 999) / 1000) + " s" : "in flight",
               printable(retry.text("reason").value_or(""))});
  }
  std::cout << '\n';
  table.print(std::cout);
}

void print_inbox(const ParamMap& inbox) {
  std::cout << inbox.text("name").value_or("") << '\n';
  print_field(std::cout, "receiving", inbox.flag("receiving").value_or(false) ? "yes" : "no");
  print_field(std::cout, "durability", inbox.text("durability").value_or(""));
  for (const char* name : {"pending", "pending_bytes", "in_flight", "retrying", "dead",
                           "next_position", "settled_floor"}) {
    print_field(std::cout, name, std::to_string(inbox.number(name).value_or(0)));
  }
  const auto* retries = inbox.maps("retries");
  if (retries != nullptr && !retries->empty()) print_retries(*retries);
}

}  // namespace

int run_inbox(const CommonOptions& common, const InboxOptions& options) {
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  const auto inbox = ask(**client, "inbox", ParamMap().set("name", options.name));
  if (!inbox) return report(inbox.error());
  if (common.json) {
    std::cout << json_text(to_json(*inbox));
  } else {
    print_inbox(*inbox);
  }
  return kExitDone;
}

}  // namespace capstan::cli
