#include "capstan/client/memory_link.h"

#include <chrono>
#include <utility>

namespace capstan {

class MemoryLink final : public Link {
 public:
  explicit MemoryLink(std::shared_ptr<MemoryWire> wire) : wire_(std::move(wire)) {}
  ~MemoryLink() override { disconnect(); }

  Status connect() override {
    const std::lock_guard lock(wire_->mutex_);
    wire_->to_client_.clear();
    wire_->to_hub_.clear();
    if (wire_->refuse_next_) {
      wire_->to_client_.emplace_back(LinkDisconnected{*std::exchange(wire_->refuse_next_, {})});
      wire_->state_ = MemoryWire::State::kIdle;
    } else {
      wire_->state_ = MemoryWire::State::kAsked;
    }
    wire_->hub_turn_.notify_all();
    return {};
  }

  bool send(ByteBuffer&& body) override {
    const std::lock_guard lock(wire_->mutex_);
    if (!wire_->room_) return false;
    if (wire_->state_ == MemoryWire::State::kUp) wire_->to_hub_.push_back(std::move(body));
    wire_->hub_turn_.notify_all();
    return true;
  }

  std::vector<LinkEvent> wait(int timeout_ms) override {
    std::unique_lock lock(wire_->mutex_);
    const auto something = [&] { return wire_->woken_ || !wire_->to_client_.empty(); };
    if (timeout_ms < 0) {
      wire_->client_turn_.wait(lock, something);
    } else {
      wire_->client_turn_.wait_for(lock, std::chrono::milliseconds(timeout_ms), something);
    }
    wire_->woken_ = false;
    return std::exchange(wire_->to_client_, {});
  }

  void wake() override {
    const std::lock_guard lock(wire_->mutex_);
    wire_->woken_ = true;
    wire_->client_turn_.notify_all();
  }

  void disconnect() override {
    const std::lock_guard lock(wire_->mutex_);
    wire_->state_ = MemoryWire::State::kIdle;
    wire_->to_client_.clear();
    wire_->hub_turn_.notify_all();
  }

 private:
  std::shared_ptr<MemoryWire> wire_;
};

std::unique_ptr<Link> MemoryWire::make_link() {
  return std::make_unique<MemoryLink>(shared_from_this());
}

bool MemoryWire::grant(int timeout_ms) {
  std::unique_lock lock(mutex_);
  if (!hub_turn_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [&] { return state_ == State::kAsked; })) {
    return false;
  }
  state_ = State::kUp;
  to_client_.emplace_back(LinkConnected{});
  client_turn_.notify_all();
  return true;
}

void MemoryWire::cut(Error error) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kIdle) {
    refuse_next_ = std::move(error);
    return;
  }
  state_ = State::kIdle;
  to_client_.emplace_back(LinkDisconnected{std::move(error)});
  client_turn_.notify_all();
}

std::optional<ByteBuffer> MemoryWire::receive(int timeout_ms) {
  std::unique_lock lock(mutex_);
  hub_turn_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                     [&] { return !to_hub_.empty() || state_ == State::kIdle; });
  if (to_hub_.empty()) return std::nullopt;
  ByteBuffer body = std::move(to_hub_.front());
  to_hub_.pop_front();
  return body;
}

void MemoryWire::send(ByteBuffer body) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kUp) return;
  auto owner = std::make_shared<const ByteBuffer>(std::move(body));
  const Bytes bytes(*owner);
  to_client_.emplace_back(LinkBody{bytes, std::move(owner)});
  client_turn_.notify_all();
}

void MemoryWire::set_room(bool room) {
  const std::lock_guard lock(mutex_);
  room_ = room;
  woken_ = true;
  client_turn_.notify_all();
}

}  // namespace capstan
