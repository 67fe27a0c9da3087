#include "floor_hub.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "processes.h"

namespace capstan::bench {
namespace {

constexpr std::uint64_t kDeliveryWindow = 512;
// Receives between two looks at the journal; a batch may be 1 MiB.
constexpr int kReceivesPerTurn = 64;

}  // namespace

FloorHub::FloorHub(std::unique_ptr<Socket> router, std::unique_ptr<FloorJournal> journal)
    : router_(std::move(router)), journal_(std::move(journal)) {}

Status FloorHub::serve() {
  while (!finished()) {
    if (Status waited = wait_for_events(); !waited) return waited;
    if (Status received = receive_waiting(); !received) return received;
    std::vector<Message> ready =
        journal_ ? journal_->take_committed() : std::exchange(unstored_, {});
    if (!ready.empty()) committed_ = floor_head(ready.back()).number;
    if (Status accepted = accept(); !accepted) return accepted;
    if (Status delivered = deliver(std::move(ready)); !delivered) return delivered;
    if (Status ended = forward_end(); !ended) return ended;
  }
  if (journal_) synced_commits_ = journal_->finish();
  return {};
}

Status FloorHub::wait_for_events() {
  std::array<zmq_pollitem_t, 2> items{
      {{router_->handle(), 0, ZMQ_POLLIN, 0},
       {nullptr, journal_ ? journal_->ready_fd() : -1, ZMQ_POLLIN, 0}}};
  if (zmq_poll(items.data(), journal_ ? 2 : 1, -1) < 0)
    return {ErrorCode::kIo, std::string("poll: ") + zmq_strerror(zmq_errno())};
  return {};
}

Status FloorHub::receive_waiting() {
  for (int i = 0; i < kReceivesPerTurn; ++i) {
    std::optional<Message> route = router_->receive();
    if (!route) break;
    std::optional<Message> body = router_->receive();
    if (!body) return {ErrorCode::kMalformedFrame, "a message without a body"};
    if (Status handled = handle(*std::move(route), *std::move(body)); !handled) return handled;
  }
  return {};
}

Status FloorHub::handle(Message route, Message body) {
  const FloorHead head = floor_head(body);
  switch (head.type) {
    case FloorType::kHello:
      return answer_hello(std::move(route), head);
    case FloorType::kBatch:
      if (journal_)
        journal_->add(std::move(body));
      else
        unstored_.push_back(std::move(body));
      return {};
    case FloorType::kReceipt:
      received_ = head.number;
      return {};
    case FloorType::kEnd:
      ending_ = true;
      end_number_ = head.number;
      return {};
    case FloorType::kAccept:
      break;
  }
  return {ErrorCode::kUnknownFrame, "only the hub accepts"};
}

// The producer's hello carries the number 1, the consumer's 0.
Status FloorHub::answer_hello(Message route, const FloorHead& head) {
  ByteBuffer& known = head.number == 1 ? producer_route_ : consumer_route_;
  known.assign(route.bytes().begin(), route.bytes().end());
  return send_to(known, floor_message(head));
}

Status FloorHub::deliver(std::vector<Message> committed) {
  for (Message& batch : committed)
    if (Status sent = send_to(consumer_route_, std::move(batch)); !sent) return sent;
  return {};
}

Status FloorHub::accept() {
  const std::uint64_t acceptable = std::min(committed_, received_ + kDeliveryWindow);
  if (acceptable <= accepted_) return {};
  accepted_ = acceptable;
  FloorHead head;
  head.type = FloorType::kAccept;
  head.number = accepted_;
  return send_to(producer_route_, floor_message(head));
}

Status FloorHub::forward_end() {
  if (!ending_ || ended_ || committed_ != end_number_) return {};
  ended_ = true;
  FloorHead head;
  head.type = FloorType::kEnd;
  head.number = end_number_;
  return send_to(consumer_route_, floor_message(head));
}

Status FloorHub::send_to(Bytes route, Message body) {
  if (Status sent = router_->send(Message(route), true); !sent) return sent;
  return router_->send(std::move(body));
}

Status run_floor_hub(const RunSpec& spec) {
  std::unique_ptr<FloorJournal> journal;
  if (spec.journal) {
    auto opened = FloorJournal::open(spec.dir);
    if (!opened) return opened.error();
    journal = std::move(opened).value();
  }
  const std::optional<CurveKeys> keys =
      spec.curve ? std::optional(make_curve_keys()) : std::nullopt;
  const Context context;
  auto router = Socket::bind_router(context, keys);
  if (!router) return router.error();
  tell_parent({{"endpoint", router.value()->endpoint()},
               {"hub_public_key", keys ? keys->public_key : std::string()}});
  FloorHub hub(std::move(router).value(), std::move(journal));
  if (Status served = hub.serve(); !served) return served;
  tell_parent({{"fsyncs", hub.synced_commits()}});
  return {};
}

}  // namespace capstan::bench
