#include "hostile.h"

#include <array>
#include <limits>
#include <utility>

#include "capstan/codec/limits.h"

namespace capstan::sim {

namespace {

constexpr SessionId kSession = 1;
constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

}  // namespace

Hostile::Hostile(Common common, Network& network, std::uint64_t seed)
    : common_(common), network_(network), random_(seed) {}

void Hostile::start() { wire_ = network_.connect(*this, common_.plan.keys.back()); }

void Hostile::leave() {
  left_ = true;
  if (wire_ != nullptr) network_.close(std::exchange(wire_, nullptr));
}

void Hostile::link_up() {
  BodyWriter out;
  if (!random_.one_in(4)) {
    say_hello(out);
    attach(out, common_.plan.agents.back());
  }
  post(out);
  send(out.take());
  act_later();
}

void Hostile::link_body(const ByteBuffer&) {}

void Hostile::link_down() {
  wire_ = nullptr;
  if (left_) return;
  common_.schedule.after(random_.below(kNsPerSecond), [this] {
    if (!left_) start();
  });
}

void Hostile::act_later() {
  common_.schedule.after(random_.below(60 * kNsPerMs) + 1, [this, wire = wire_] {
    if (wire == nullptr || wire != wire_) return;
    act();
    act_later();
  });
}

void Hostile::act() {
  using Mischief = void (Hostile::*)(BodyWriter&);
  constexpr std::array<Mischief, 8> kMischief{&Hostile::say_hello,     &Hostile::attach_somebody,
                                              &Hostile::post,          &Hostile::post_forged,
                                              &Hostile::post_nonsense, &Hostile::overflow_window,
                                              &Hostile::give_receipts, &Hostile::ask};
  BodyWriter out;
  do {
    (this->*kMischief[static_cast<std::size_t>(random_.below(kMischief.size()))])(out);
  } while (!random_.one_in(3));
  ByteBuffer body = out.take();
  if (random_.one_in(4)) spoil(body);
  if (!body.empty()) send(std::move(body));
}

void Hostile::send(ByteBuffer body) {
  common_.counts.add(Count::kHostileBodies);
  network_.send_to_hub(wire_, std::move(body));
}

void Hostile::say_hello(BodyWriter& out) {
  const std::uint32_t version = random_.one_in(8) ? kWireVersionMajor + 1 : kWireVersionMajor;
  out.write(Hello{version, kWireVersionMinor, {"teleport"}, "mallory"});
}

void Hostile::attach(BodyWriter& out, const std::string& name) {
  if (random_.one_in(4)) {
    epoch_ = random_.next();
    number_ = 1;
  }
  Attach attach;
  attach.request_id = ++request_;
  attach.session = random_.one_in(4) ? some_session() : kSession;
  attach.agent = name;
  attach.mode = random_.one_in(2) ? AttachMode::kReceive : AttachMode::kPost;
  attach.since.kind = static_cast<Since::Kind>(random_.below(3));
  for (std::uint8_t& octet : attach.since.after.bytes) {
    octet = static_cast<std::uint8_t>(random_.next());
  }
  attach.credit_until = random_.one_in(2) ? kHuge : random_.below(10);
  attach.credit_bytes = random_.one_in(2) ? kHuge : 100;
  attach.epoch = random_.one_in(8) ? 0 : epoch_;
  attach.first_number = random_.one_in(8) ? random_.next() : 1;
  out.write(attach);
}

void Hostile::attach_somebody(BodyWriter& out) {
  const auto& agents = common_.plan.agents;
  attach(out, agents[static_cast<std::size_t>(random_.below(agents.size()))]);
}

ByteBuffer Hostile::envelope(const AgentId& sender, std::size_t bytes) {
  ByteBuffer envelope;
  append_envelope(envelope, mailbox_of(some_agent()), sender, ByteBuffer(bytes, 7));
  return envelope;
}

void Hostile::post(BodyWriter& out) {
  const ByteBuffer bytes = envelope(AgentId{}, static_cast<std::size_t>(random_.below(300)));
  out.write(SendView{kSession, number_++, bytes});
}

void Hostile::post_forged(BodyWriter& out) {
  out.write(SendView{kSession, number_++, envelope(some_agent(), 10)});
}

void Hostile::post_nonsense(BodyWriter& out) {
  const std::array<std::uint64_t, 5> numbers{0, 1, number_ + 5, kHuge, random_.next()};
  const auto number = numbers[static_cast<std::size_t>(random_.below(numbers.size()))];
  const ByteBuffer bytes = random_.one_in(3) ? ByteBuffer{} : envelope(some_agent(), 10);
  out.write(SendView{some_session(), number, bytes});
}

void Hostile::overflow_window(BodyWriter& out) {
  const std::uint64_t count = random_.below(common_.plan.hub.window_envelopes * 2);
  for (std::uint64_t i = 0; i < count && out.size() < 256 * 1024; ++i) post(out);
}

void Hostile::give_receipts(BodyWriter& out) {
  Receipt receipt;
  receipt.session = some_session();
  receipt.kind = static_cast<ReceiptKind>(random_.below(3));
  receipt.delivery = random_.one_in(2) ? kHuge : random_.below(20);
  receipt.credit_until = random_.one_in(2) ? kHuge : random_.below(100);
  out.write(receipt);
}

void Hostile::ask(BodyWriter& out) {
  constexpr std::array<const char*, 5> kOperations{"status", "list_agents", "agent_add",
                                                   "get_agent", "format_disk"};
  const auto one = static_cast<std::size_t>(random_.below(kOperations.size()));
  out.write(Request{++request_, kOperations[one], {}});
  if (random_.one_in(8)) out.write(Bye{ErrorCode::kOk, {}, some_session()});
}

void Hostile::spoil(ByteBuffer& body) {
  if (body.empty() || random_.one_in(3)) {
    body.resize(static_cast<std::size_t>(random_.below(400)));
    for (std::uint8_t& octet : body) octet = static_cast<std::uint8_t>(random_.next());
    return;
  }
  if (random_.one_in(2)) body.resize(static_cast<std::size_t>(random_.below(body.size())));
  for (std::uint64_t flips = random_.below(8); flips > 0 && !body.empty(); --flips) {
    body[static_cast<std::size_t>(random_.below(body.size()))] ^=
        static_cast<std::uint8_t>(1U << random_.below(8));
  }
}

AgentId Hostile::some_agent() {
  const auto& agents = common_.plan.agents;
  const auto& name = agents[static_cast<std::size_t>(random_.below(agents.size()))];
  return common_.auditor.ledger().agent_id(name).value_or(AgentId{});
}

SessionId Hostile::some_session() { return static_cast<SessionId>(random_.below(4)); }

}  // namespace capstan::sim
