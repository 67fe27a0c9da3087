// consumer_mail HUB.pub AGENT.key ENDPOINT: an agent writes to itself, and reads what it wrote.
#include <iostream>

#include "capstan/client/hub_client.h"
#include "capstan/security/key_file.h"

namespace {

constexpr int kPatienceMs = 20'000;

capstan::Status exchange(capstan::AgentClient& agent) {
  const auto number = agent.send_text(agent.name(), "from an installed library");
  if (!number.ok()) return number.error();
  if (auto accepted = agent.wait_accepted(*number, kPatienceMs); !accepted.ok()) return accepted;
  const auto delivery = agent.receive(kPatienceMs);
  if (!delivery.ok()) return delivery.error();
  if (!delivery->has_value()) return {capstan::ErrorCode::kTimeout, "nothing was delivered"};
  const auto text = (*delivery)->text();
  if (!text.ok()) return text.error();
  std::cout << *text << "\n";
  agent.acknowledge((*delivery)->number);
  return agent.drain(kPatienceMs);
}

capstan::Status run(char** arguments) {
  const auto hub_key = capstan::load_public_key_file(arguments[0]);
  if (!hub_key.ok()) return hub_key.error();
  auto own = capstan::load_key_file(arguments[1]);
  if (!own.ok()) return own.error();
  capstan::HubClientOptions options;
  options.endpoint = arguments[2];
  options.hub_key = *hub_key;
  options.keys = {own->public_key, std::move(own->secret_key)};
  const auto hub = capstan::HubClient::open(std::move(options));
  if (!hub.ok()) return hub.error();
  const auto agent = (*hub)->attach({.name = own->name, .mode = capstan::AttachMode::kReceive});
  if (!agent.ok()) return agent.error();
  return exchange(**agent);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: consumer_mail HUB.pub AGENT.key ENDPOINT\n";
    return 2;
  }
  const capstan::Status status = run(argv + 1);
  if (!status.ok()) std::cerr << status.error().text() << "\n";
  return status.ok() ? 0 : 1;
}
