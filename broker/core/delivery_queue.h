// A queue that keeps its memory while it is in use.
#pragma once

#include <cstddef>
#include <vector>

namespace capstan {

/// Elements stand side by side, the oldest first; iterators are pointers. Pushing allocates only
/// when more elements wait than ever since the queue was last empty.
///
/// Memory: less than four times what stands in it at its fullest; all but a little goes back when
///         it is empty.
template <typename T>
class DeliveryQueue {
 public:
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const { return items_.size() - head_; }
  [[nodiscard]] T* begin() { return items_.data() + head_; }
  [[nodiscard]] T* end() { return items_.data() + items_.size(); }
  [[nodiscard]] const T* begin() const { return items_.data() + head_; }
  [[nodiscard]] const T* end() const { return items_.data() + items_.size(); }
  [[nodiscard]] T& front() { return items_[head_]; }
  [[nodiscard]] T& operator[](std::size_t i) { return items_[head_ + i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return items_[head_ + i]; }

  void push_back(const T& item) { items_.push_back(item); }

  /// Not of an empty queue.
  void pop_front() {
    ++head_;
    if (head_ == items_.size()) {
      forget_all();
    } else if (head_ >= kGapMin && head_ >= items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

 private:
  // Below it moving the rest to the front saves nothing.
  static constexpr std::size_t kGapMin = 64;
  static constexpr std::size_t kKeptWhenEmpty = 256;

  void forget_all() {
    head_ = 0;
    items_.clear();
    if (items_.capacity() > kKeptWhenEmpty) items_.shrink_to_fit();
  }

  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace capstan
