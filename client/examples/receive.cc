// receive HUB.pub AGENT.key ENDPOINT: prints the texts that arrive, and acknowledges each.
#include <iostream>

#include "capstan/client/hub_client.h"
#include "capstan/security/key_file.h"

int fail(const capstan::Error& error) {
  std::cerr << error.text() << "\n";
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 4) return fail({capstan::ErrorCode::kInvalidArgument, "HUB.pub AGENT.key ENDPOINT"});
  auto hub_key = capstan::load_public_key_file(argv[1]);
  if (!hub_key.ok()) return fail(hub_key.error());
  auto own = capstan::load_key_file(argv[2]);
  if (!own.ok()) return fail(own.error());

  capstan::HubClientOptions options;
  options.endpoint = argv[3];
  options.hub_key = *hub_key;
  options.keys = {own->public_key, std::move(own->secret_key)};
  auto hub = capstan::HubClient::open(std::move(options));
  if (!hub.ok()) return fail(hub.error());

  auto agent = (*hub)->attach({.name = own->name, .mode = capstan::AttachMode::kReceive});
  if (!agent.ok()) return fail(agent.error());
  while (true) {
    auto next = (*agent)->receive(-1);
    if (!next.ok()) return fail(next.error());
    if (!next->has_value()) continue;
    const auto text = (*next)->text();
    std::cout << (text.ok() ? *text : "(not a text)") << std::endl;
    (*agent)->acknowledge((*next)->number);
  }
}
