#include "block_codec.h"

#include "journal_world.h"
#include "leveldb/write_batch.h"

namespace capstan {
namespace {

using journal_test::make_block;
using journal_test::same;

struct Collected final : leveldb::WriteBatch::Handler {
  void Put(const leveldb::Slice& key, const leveldb::Slice& value) override {
    keys.push_back(key.ToString());
    values.push_back(value.ToString());
  }
  void Delete(const leveldb::Slice&) override { ADD_FAILURE() << "a commit deletes nothing"; }
  std::vector<std::string> keys;
  std::vector<std::string> values;
};

Commit commit_of(std::vector<SharedBlock> blocks) {
  Commit commit;
  commit.number = CommitNumber{7};
  commit.id_time_ceiling_ns = 99;
  commit.opens_segment = true;
  commit.blocks = std::move(blocks);
  return commit;
}

Collected encode(const Commit& commit, std::uint64_t previous = 0) {
  CommitEncoder encoder;
  leveldb::WriteBatch batch;
  static_cast<void>(encoder.encode(commit, previous, batch));
  Collected collected;
  EXPECT_TRUE(batch.Iterate(&collected).ok());
  return collected;
}

std::string small_value() { return encode(commit_of({make_block(5, 24, 3)}), 42).values.front(); }

TEST(BlockCodec, EveryShorterLengthIsRefused) {
  const std::string value = small_value();
  for (std::size_t length = 0; length < value.size(); ++length) {
    const auto block = decode_block(as_bytes(std::string_view(value).substr(0, length)));
    ASSERT_FALSE(block.ok()) << length;
    EXPECT_EQ(block.error().code, ErrorCode::kDamaged) << length;
  }
}

TEST(BlockCodec, AByteTooManyIsRefused) {
  EXPECT_FALSE(decode_block(as_bytes(small_value() + "x")).ok());
}

TEST(BlockCodec, EveryFlippedBitIsRefusedAsDamage) {
  std::string value = small_value();
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    const auto flip = static_cast<char>(1U << (bit % 8));
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ flip);
    const auto block = decode_block(as_bytes(value));
    ASSERT_FALSE(block.ok()) << "bit " << bit;
    EXPECT_EQ(block.error().code, ErrorCode::kDamaged) << "bit " << bit;
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ flip);
  }
  EXPECT_TRUE(decode_block(as_bytes(value)).ok());
}

TEST(BlockCodec, AnotherMajorVersionIsRefusedWithBothNumbers) {
  std::string value = small_value();
  value[8] = 9;
  const std::uint64_t checksum = checksum_of(as_bytes(std::string_view(value).substr(0, 112)));
  std::memcpy(value.data() + 112, &checksum, sizeof checksum);
  const auto block = decode_block(as_bytes(value));
  ASSERT_FALSE(block.ok());
  EXPECT_EQ(block.error().code, ErrorCode::kUnsupportedVersion);
  EXPECT_NE(block.error().context.find("format 9"), std::string::npos);
  EXPECT_NE(block.error().context.find("format 1"), std::string::npos);
}

TEST(BlockCodec, ANewerMinorVersionIsRead) {
  std::string value = small_value();
  value[10] = 3;
  const std::uint64_t checksum = checksum_of(as_bytes(std::string_view(value).substr(0, 112)));
  std::memcpy(value.data() + 112, &checksum, sizeof checksum);
  EXPECT_TRUE(decode_block(as_bytes(value)).ok());
}

TEST(BlockCodec, WhatWasEncodedIsDecoded) {
  const Commit commit =
      commit_of({make_block(11, 300, 4, true), make_block(15, 1, 1), make_block(16, 0, 2)});
  const Collected stored = encode(commit, 4711);
  ASSERT_EQ(stored.values.size(), 3U);
  std::uint64_t previous = 4711;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto block = decode_block(as_bytes(stored.values[i]));
    ASSERT_TRUE(block.ok()) << block.error().text();
    EXPECT_TRUE(same(*block->to_block(), *commit.blocks[i]));
    EXPECT_EQ(block->header.commit, CommitNumber{7});
    EXPECT_EQ(block->header.index, i);
    EXPECT_EQ(block->header.commit_blocks, 3U);
    EXPECT_EQ(block->header.commit_last, Sequence{17});
    EXPECT_EQ(block->header.id_time_ceiling_ns, 99U);
    EXPECT_TRUE(block->header.opens_segment);
    EXPECT_EQ(block->header.previous_checksum, previous);
    EXPECT_EQ(sequence_of_key(as_bytes(stored.keys[i])), commit.blocks[i]->base);
    previous = block->header.checksum;
  }
}

TEST(BlockCodec, TheOrderOfKeysIsTheOrderOfSequences) {
  const auto key = [](std::uint64_t base) {
    const SequenceKey made(Sequence{base});
    return std::string(made.octets, sizeof made.octets);
  };
  EXPECT_LT(key(255), key(256));
  EXPECT_LT(key(65535), key(1ULL << 40));
  EXPECT_EQ(sequence_of_key(as_bytes("short")), Sequence{});
}

}  // namespace
}  // namespace capstan
