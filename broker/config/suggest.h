// What somebody probably meant.
#pragma once

#include <span>
#include <string_view>

namespace capstan {

/// The candidate nearest to `word`, when it is near enough that a slip of the fingers explains the
/// difference: at most two edits, or a third of the word. Empty otherwise.
[[nodiscard]] std::string_view closest_word(std::string_view word,
                                            std::span<const std::string_view> candidates);

}  // namespace capstan
