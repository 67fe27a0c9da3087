#include "gap_row.h"

#include "journal_world.h"

namespace capstan {
namespace {

TEST(GapRow, WhatWasEncodedIsDecoded) {
  const Gap gap = journal_test::gap(5, 1ULL << 40);
  const std::string row = encode_gap_row(gap);
  EXPECT_TRUE(is_gap_row(as_bytes(row)));
  const auto decoded = decode_gap_row(as_bytes(row));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, gap);
}

TEST(GapRow, EveryFlippedBitAndEveryOtherLengthIsRefused) {
  std::string row = encode_gap_row(journal_test::gap(5, 9));
  for (std::size_t length = 0; length < row.size(); ++length) {
    EXPECT_FALSE(decode_gap_row(as_bytes(std::string_view(row).substr(0, length))).ok());
  }
  EXPECT_FALSE(decode_gap_row(as_bytes(row + "x")).ok());
  for (std::size_t bit = 0; bit < row.size() * 8; ++bit) {
    const auto flip = static_cast<char>(1U << (bit % 8));
    row[bit / 8] = static_cast<char>(row[bit / 8] ^ flip);
    EXPECT_FALSE(decode_gap_row(as_bytes(row)).ok()) << bit;
    row[bit / 8] = static_cast<char>(row[bit / 8] ^ flip);
  }
}

}  // namespace
}  // namespace capstan
