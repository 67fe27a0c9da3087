#include "network.h"

#include <algorithm>
#include <utility>

namespace capstan::sim {

Network::Network(Common common, std::uint64_t seed) : common_(common), random_(seed) {}

WirePtr Network::connect(Endpoint& client, const KeyPlan& key) {
  auto wire = std::make_shared<Wire>();
  wire->client = &client;
  wire->key = &key;
  wire->view.hostile = &key == &common_.plan.keys.back();
  common_.schedule.after(delay(), [this, wire, &key] {
    if (wire->client == nullptr) return;
    if (!hub_->up() || !hub_->admits(key)) return tell_client(wire, delay());
    wire->to_hub = true;
    wire->to_client = true;
    open_.push_back(wire);
    wire->client->link_up();
  });
  return wire;
}

void Network::send_to_hub(const WirePtr& wire, ByteBuffer body) {
  wire->hub_busy_ns = std::max(wire->hub_busy_ns, common_.schedule.now_ns()) + delay();
  common_.schedule.at(wire->hub_busy_ns, [this, wire, body = std::move(body)] {
    if (wire->to_hub) hub_->arrived(wire, body);
  });
}

void Network::send_to_client(const WirePtr& wire, ByteBuffer body) {
  const Lie lie = common_.plan.lie;
  if (lie == Lie::kLostBody && random_.one_in(50)) return;
  if (lie == Lie::kAlteredBody && random_.one_in(50) && body.size() > 100) body[80] ^= 1;
  wire->client_busy_ns = std::max(wire->client_busy_ns, common_.schedule.now_ns()) + delay();
  common_.schedule.at(wire->client_busy_ns, [wire, body = std::move(body)] {
    if (wire->to_client && wire->client != nullptr) wire->client->link_body(body);
  });
}

void Network::lose_hub_side(const WirePtr& wire) {
  wire->to_hub = false;
  std::erase(open_, wire);
  // A hub hears of a lost peer late, or not at all: then the lease ends it.
  if (random_.one_in(3)) return;
  common_.schedule.after(random_.below(kNsPerSecond), [this, wire] {
    if (wire->connection) hub_->gone(wire);
  });
}

void Network::tell_client(const WirePtr& wire, std::uint64_t delay_ns) {
  common_.schedule.after(delay_ns, [wire] {
    wire->to_client = false;
    if (wire->client != nullptr) std::exchange(wire->client, nullptr)->link_down();
  });
}

void Network::close(const WirePtr& wire) {
  wire->client = nullptr;
  wire->to_client = false;
  common_.schedule.after(random_.below(common_.plan.link_delay_ns * 4) + 1,
                         [this, wire] { lose_hub_side(wire); });
}

void Network::cut_one() {
  if (open_.empty()) return;
  const WirePtr wire = open_[static_cast<std::size_t>(random_.below(open_.size()))];
  if (wire->client == nullptr) return;
  common_.counts.add(Count::kLinkCuts);
  common_.trace.note("cut", {wire->connection ? wire->connection->generation : 0});
  common_.schedule.after(random_.below(20 * kNsPerMs), [this, wire] { lose_hub_side(wire); });
  common_.schedule.after(random_.below(20 * kNsPerMs), [wire] { wire->to_client = false; });
  // Without a word from its own side, the client finds out by its heartbeat.
  if (!random_.one_in(4)) tell_client(wire, 20 * kNsPerMs + random_.below(kNsPerSecond / 2));
}

void Network::hub_died() {
  for (const WirePtr& wire : std::exchange(open_, {})) {
    wire->to_hub = false;
    wire->connection.reset();
    tell_client(wire, random_.below(300 * kNsPerMs));
    // What the kernel had already may still arrive, or not.
    if (random_.one_in(2)) wire->to_client = false;
  }
}

}  // namespace capstan::sim
