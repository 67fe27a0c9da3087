#include "capstan/security/secret_text.h"

#include <sodium.h>

#include <utility>

#include "capstan/base/check.h"

namespace capstan {

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
  }
  return *this;
}

void SecretText::shorten(std::size_t size) {
  CAPSTAN_CHECK(size <= text_.size());
  if (size < text_.size()) sodium_memzero(text_.data() + size, text_.size() - size);
  text_.resize(size);
}

void SecretText::append(std::string_view text) {
  if (text_.capacity() - text_.size() < text.size()) {
    std::vector<char> larger;
    larger.reserve(2 * (text_.size() + text.size()));
    larger.insert(larger.end(), text_.begin(), text_.end());
    wipe();
    text_ = std::move(larger);
  }
  text_.insert(text_.end(), text.begin(), text.end());
}

void SecretText::wipe() {
  if (!text_.empty()) sodium_memzero(text_.data(), text_.size());
}

}  // namespace capstan
