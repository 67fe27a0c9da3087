#include "mail_filler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent_connection.h"
#include "agent_envelope.h"
#include "capstan/base/clock.h"
#include "crowd.h"
#include "hub_process.h"
#include "processes.h"

namespace capstan::bench {
namespace {

constexpr int kAnswerMs = 30'000;
constexpr int kDrainMs = 60'000;

Result<ChannelId> find_mailbox(HubClient& hub, const std::string& name) {
  auto answer = hub.request("get_agent", ParamMap().set("name", name), kAnswerMs);
  if (!answer) return answer.error();
  const auto id = answer->bytes("agent_id");
  ChannelId mailbox;
  if (!id || id->size() != mailbox.bytes.size())
    return {ErrorCode::kMalformedFrame, "no id of " + name};
  std::copy(id->begin(), id->end(), mailbox.bytes.begin());
  return mailbox;
}

Result<std::vector<ChannelId>> find_mailboxes(HubClient& hub, const RunSpec& spec) {
  std::vector<ChannelId> mailboxes;
  for (std::uint64_t i = 0; i < spec.agents; ++i) {
    auto mailbox = find_mailbox(hub, crowd_agent(spec.first_agent + i));
    if (!mailbox) return mailbox.error();
    mailboxes.push_back(*mailbox);
  }
  return mailboxes;
}

Status send_all(AgentClient& agent, const RunSpec& spec, const std::vector<ChannelId>& mailboxes) {
  EnvelopeTemplate envelope(spec.payload_bytes);
  for (std::uint64_t i = 0; i < spec.envelopes; ++i) {
    auto number = agent.send_encoded(mailboxes[i % mailboxes.size()], envelope.write(i, 0));
    if (!number) return number.error();
  }
  return agent.drain(kDrainMs);
}

}  // namespace

Status run_mail_filler(const RunSpec& spec) {
  AgentOptions options;
  options.name = kSenderName;
  auto connection = connect_agent(spec, std::move(options));
  if (!connection) return connection.error();
  auto mailboxes = find_mailboxes(*connection->hub, spec);
  if (!mailboxes) return mailboxes.error();

  const std::uint64_t start_ns = now_ns();
  if (Status sent = send_all(*connection->agent, spec, *mailboxes); !sent) return sent;
  const auto elapsed_ns = static_cast<double>(now_ns() - start_ns);
  connection->hub->close();
  tell_parent({{"envelopes", spec.envelopes}, {"seconds", elapsed_ns / kNsPerSecond}});
  return {};
}

}  // namespace capstan::bench
