// Text that must not stay in memory after its last use.
#pragma once

#include <string_view>
#include <vector>

namespace capstan {

/// Characters that are wiped when their owner goes. Move-only, so that no copy is made by accident.
/// Source: THREATS.md §4.4.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::size_t size) : text_(size) {}
  explicit SecretText(std::string_view text) : text_(text.begin(), text.end()) {}
  SecretText(SecretText&& other) noexcept = default;
  SecretText& operator=(SecretText&& other) noexcept;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(); }

  /// Lives as long as this object and until the next non-const call.
  [[nodiscard]] std::string_view view() const { return {text_.data(), text_.size()}; }
  [[nodiscard]] char* data() { return text_.data(); }
  [[nodiscard]] std::size_t size() const { return text_.size(); }

  /// Keeps the first `size` characters; `size` is at most size().
  void shorten(std::size_t size);

  /// Appends; the memory that becomes too small is wiped before it is given back.
  void append(std::string_view text);

 private:
  void wipe();

  std::vector<char> text_;
};

}  // namespace capstan
