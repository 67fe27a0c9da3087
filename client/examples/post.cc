// post HUB.pub AGENT.key ENDPOINT TO TEXT: posts one text and waits until it is on the hub's disk.
#include <iostream>

#include "capstan/client/hub_client.h"
#include "capstan/security/key_file.h"

int fail(const capstan::Error& error) {
  std::cerr << error.text() << "\n";
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: post HUB.pub AGENT.key ENDPOINT TO TEXT\n";
    return 2;
  }
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
  if (auto ready = (*hub)->wait_ready(); !ready.ok()) return fail(ready.error());

  auto agent = (*hub)->attach({.name = own->name});
  if (!agent.ok()) return fail(agent.error());
  auto number = (*agent)->send_text(argv[4], argv[5]);
  if (!number.ok()) return fail(number.error());
  auto accepted = (*agent)->wait_accepted(*number, 10'000);
  return accepted.ok() ? 0 : fail(accepted.error());
}
