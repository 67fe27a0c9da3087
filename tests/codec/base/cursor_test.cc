#include "capstan/base/cursor.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace capstan {
namespace {

struct FixedRead {
  const char* name;
  std::size_t width;
  std::function<std::uint64_t(Cursor&)> read;
  std::uint64_t of_one_to_eight;  // what it reads from 01 02 03 04 05 06 07 08
};

const FixedRead kFixedReads[] = {
    {"u8", 1, [](Cursor& c) -> std::uint64_t { return c.u8(); }, 0x01},
    {"u16_le", 2, [](Cursor& c) -> std::uint64_t { return c.u16_le(); }, 0x0201},
    {"u32_le", 4, [](Cursor& c) -> std::uint64_t { return c.u32_le(); }, 0x04030201},
    {"u64_le", 8, [](Cursor& c) { return c.u64_le(); }, 0x0807060504030201},
    {"u16_be", 2, [](Cursor& c) -> std::uint64_t { return c.u16_be(); }, 0x0102},
    {"u32_be", 4, [](Cursor& c) -> std::uint64_t { return c.u32_be(); }, 0x01020304},
    {"u64_be", 8, [](Cursor& c) { return c.u64_be(); }, 0x0102030405060708},
};

const ByteBuffer kOneToEight{1, 2, 3, 4, 5, 6, 7, 8};

void expect_failed(Cursor& cursor) {
  EXPECT_FALSE(cursor.ok());
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.remaining(), 0U);
}

// Goal: no read touches a byte that is not there (asan sees the heap buffer's exact end).
TEST(Cursor, EveryReadFailsAtEveryShorterLength) {
  for (const FixedRead& fixed : kFixedReads) {
    for (std::size_t length = 0; length < fixed.width; ++length) {
      const ByteBuffer bytes(length, 0xff);
      Cursor cursor(bytes);
      EXPECT_EQ(fixed.read(cursor), 0U) << fixed.name << " of " << length;
      expect_failed(cursor);
    }
  }
}

TEST(Cursor, TakeBeyondTheEndIsEmptyAndFails) {
  for (const std::uint64_t count :
       {std::uint64_t{9}, std::uint64_t{1} << 32, std::numeric_limits<std::uint64_t>::max()}) {
    Cursor cursor(kOneToEight);
    EXPECT_TRUE(cursor.take(count).empty());
    expect_failed(cursor);
  }
}

TEST(Cursor, AFailedCursorStaysFailed) {
  Cursor cursor(kOneToEight);
  EXPECT_TRUE(cursor.take(9).empty());
  EXPECT_EQ(cursor.u8(), 0U);
  EXPECT_EQ(cursor.u32_be(), 0U);
  EXPECT_TRUE(cursor.take(0).empty());
  expect_failed(cursor);
}

TEST(Cursor, FailGivesUpTheRest) {
  Cursor cursor(kOneToEight);
  EXPECT_EQ(cursor.u8(), 1U);
  cursor.fail();
  expect_failed(cursor);
}

TEST(Cursor, AnEmptyViewIsAtItsEndAndOk) {
  Cursor cursor{Bytes{}};
  EXPECT_TRUE(cursor.ok());
  EXPECT_TRUE(cursor.at_end());
  EXPECT_TRUE(cursor.take(0).empty());
  EXPECT_TRUE(cursor.ok());
}

TEST(Cursor, ReadsInItsByteOrderAndAdvancesByItsWidth) {
  for (const FixedRead& fixed : kFixedReads) {
    Cursor cursor(kOneToEight);
    EXPECT_EQ(fixed.read(cursor), fixed.of_one_to_eight) << fixed.name;
    EXPECT_EQ(cursor.remaining(), 8 - fixed.width) << fixed.name;
    EXPECT_TRUE(cursor.ok()) << fixed.name;
  }
}

TEST(Cursor, TakenBytesAreAViewNotACopy) {
  Cursor cursor(kOneToEight);
  EXPECT_EQ(cursor.u16_be(), 0x0102U);
  const Bytes taken = cursor.take(6);
  EXPECT_EQ(taken.data(), kOneToEight.data() + 2);
  EXPECT_EQ(taken.size(), 6U);
  EXPECT_TRUE(cursor.ok());
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.position(), kOneToEight.data() + 8);
}

TEST(AppendLittleEndian, WritesWhatTheCursorReads) {
  ByteBuffer bytes;
  append_u16_le(bytes, 0x0201);
  append_u32_le(bytes, 0x06050403);
  append_u64_le(bytes, 0x0e0d0c0b0a090807);
  EXPECT_EQ(bytes, (ByteBuffer{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}));
  Cursor cursor(bytes);
  EXPECT_EQ(cursor.u16_le(), 0x0201U);
  EXPECT_EQ(cursor.u32_le(), 0x06050403U);
  EXPECT_EQ(cursor.u64_le(), 0x0e0d0c0b0a090807U);
  EXPECT_TRUE(cursor.at_end());
}

}  // namespace
}  // namespace capstan
