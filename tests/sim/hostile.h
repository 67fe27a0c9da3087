// A peer with a valid key and bad manners. Whatever it sends, nobody else may suffer.
#pragma once

#include <functional>

#include "capstan/codec/compact.h"
#include "network.h"

namespace capstan::sim {

class Hostile final : public Endpoint {
 public:
  Hostile(Common common, Network& network, std::uint64_t seed);

  void start();
  void leave();

  void link_up() override;
  void link_body(const ByteBuffer& body) override;
  void link_down() override;

 private:
  void act_later();
  void act();
  void send(ByteBuffer body);

  // Each appends frames of one kind of mischief.
  void say_hello(BodyWriter& out);
  void attach(BodyWriter& out, const std::string& name);
  void attach_somebody(BodyWriter& out);
  void post(BodyWriter& out);
  void post_forged(BodyWriter& out);
  void post_nonsense(BodyWriter& out);
  void overflow_window(BodyWriter& out);
  void give_receipts(BodyWriter& out);
  void ask(BodyWriter& out);
  void spoil(ByteBuffer& body);

  [[nodiscard]] ByteBuffer envelope(const AgentId& sender, std::size_t bytes);
  [[nodiscard]] AgentId some_agent();
  [[nodiscard]] SessionId some_session();

  Common common_;
  Network& network_;
  Random random_;
  WirePtr wire_;
  std::uint64_t epoch_ = 1;
  std::uint64_t number_ = 1;
  std::uint64_t request_ = 0;
  bool left_ = false;
};

}  // namespace capstan::sim
