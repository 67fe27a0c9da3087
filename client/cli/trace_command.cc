#include <iostream>

#include "commands.h"
#include "connect.h"
#include "exit_code.h"
#include "operator_request.h"
#include "params_json.h"
#include "table.h"

namespace capstan::cli {

namespace {

/// An agent's name, or its id when the hub does not know it any more.
std::string name_or_id(const ParamMap& trace, const std::string& name, const std::string& id) {
  const std::string text = trace.text(name).value_or("");
  return text.empty() ? to_hex(trace.bytes(id).value_or(ByteBuffer())) : text;
}

void print_trace(const ParamMap& trace) {
  const auto show = [](std::string_view name, std::string_view value) {
    print_field(std::cout, name, printable(value));
  };
  const auto show_number = [&](const std::string& name) {
    if (const auto number = trace.number(name)) show(name, std::to_string(*number));
  };
  std::cout << to_hex(trace.bytes("envelope_id").value_or(ByteBuffer())) << '\n';
  show("accepted", utc_time(trace.number("created_at_ns").value_or(0)));
  show("from", name_or_id(trace, "sender", "sender_id"));
  show("to", name_or_id(trace, "recipient", "channel_id"));
  show("event_type", trace.text("event_type").value_or(""));
  show("priority", trace.text("priority").value_or(""));
  for (const char* name : {"ttl_seconds", "bytes", "block", "position"}) show_number(name);
  show("state", trace.text("state").value_or(""));
  if (const auto died_at_ns = trace.number("died_at_ns")) show("died", utc_time(*died_at_ns));
  show_number("attempts");
  if (const auto reason = trace.text("reason")) show("reason", *reason);
}

}  // namespace

int run_trace(const CommonOptions& common, const TraceOptions& options) {
  const auto id = EnvelopeId::from_text(options.envelope_id);
  if (!id) {
    (void)report({ErrorCode::kInvalidArgument,
                  "'" + options.envelope_id + "' is no envelope id: 32 characters of 0-9 a-f"});
    return kExitUsage;
  }
  auto client = connect_operator(common);
  if (!client) return report(client.error());
  const auto trace =
      ask(**client, "trace",
          ParamMap().set("envelope_id", ByteBuffer(id->bytes.begin(), id->bytes.end())));
  if (!trace) {
    if (trace.error().code != ErrorCode::kNotFound) return report(trace.error());
    return report({ErrorCode::kNotFound, "no envelope " + options.envelope_id +
                                             " stands on disk: it never did, or it was "
                                             "settled and its segment is gone"});
  }
  if (common.json) {
    std::cout << json_text(to_json(*trace));
  } else {
    print_trace(*trace);
  }
  return kExitDone;
}

}  // namespace capstan::cli
