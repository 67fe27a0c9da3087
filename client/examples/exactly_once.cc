// exactly_once HUB.pub AGENT.key ENDPOINT FILE: each text that arrives stands in FILE exactly once.
#include <iostream>

#include "capstan/client/effect_file.h"
#include "capstan/client/hub_client.h"
#include "capstan/security/key_file.h"

int fail(const capstan::Error& error) {
  std::cerr << error.text() << "\n";
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 5) return fail({capstan::ErrorCode::kInvalidArgument, "HUB.pub AGENT.key URL FILE"});
  auto hub_key = capstan::load_public_key_file(argv[1]);
  if (!hub_key.ok()) return fail(hub_key.error());
  auto own = capstan::load_key_file(argv[2]);
  if (!own.ok()) return fail(own.error());
  auto effects = capstan::EffectFile::open(argv[4]);
  if (!effects.ok()) return fail(effects.error());

  capstan::HubClientOptions options;
  options.endpoint = argv[3];
  options.hub_key = *hub_key;
  options.keys = {own->public_key, std::move(own->secret_key)};
  auto hub = capstan::HubClient::open(std::move(options));
  if (!hub.ok()) return fail(hub.error());
  auto agent = (*hub)->attach({.name = own->name, .mode = capstan::AttachMode::kReceive});
  while (agent.ok()) {
    auto next = (*agent)->receive(-1);
    if (!next.ok()) return fail(next.error());
    const auto id = capstan::stamped_id((*next)->bytes);
    const auto text = (*next)->text();
    const auto added = (*effects)->add(id, text.ok() ? *text : "(not a text)");
    if (!added.ok()) return fail(added.error());  // Not acknowledged: it will come again.
    if (!*added) std::cout << "again " << id.hex() << std::endl;  // Its effect stands there.
    (*agent)->acknowledge((*next)->number);
  }
  return fail(agent.error());
}
