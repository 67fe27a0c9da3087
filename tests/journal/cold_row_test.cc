#include "cold_row.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

ColdRow sample() {
  return {
      Sequence{11}, Sequence{400}, {{Sequence{21}, Sequence{30}}, {Sequence{51}, Sequence{90}}}};
}

TEST(ColdRow, ComesBackAsItWas) {
  const auto row = decode_cold_row(as_bytes(encode_cold_row(sample())));
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->first, Sequence{11});
  EXPECT_EQ(row->last, Sequence{400});
  EXPECT_EQ(row->blocks, sample().blocks);
}

TEST(ColdRow, EveryFlippedBitAndEveryShorterLengthIsDamage) {
  const std::string whole = encode_cold_row(sample());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_EQ(decode_cold_row(as_bytes(whole).first(bytes)).error().code, ErrorCode::kDamaged);
  }
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_FALSE(decode_cold_row(as_bytes(flipped)).ok()) << bit;
    EXPECT_EQ(decode_cold_row(as_bytes(flipped)).error().code, ErrorCode::kDamaged);
  }
}

TEST(ColdRow, RowsSortBehindEveryBlock) {
  EXPECT_GT(cold_row_key(Sequence{1}), std::string(8, '\x60'));
  EXPECT_LT(cold_row_key(Sequence{1}), cold_row_key(Sequence{256}));
}

}  // namespace
}  // namespace capstan
