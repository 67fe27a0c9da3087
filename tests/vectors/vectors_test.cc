// The golden vectors through our own codec. read_vectors.py reads the same files on its own.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "vector.h"

namespace capstan {
namespace {

std::vector<Json> load(const std::string& file) {
  std::ifstream lines(std::string(CAPSTAN_VECTORS_FOLDER) + "/" + file);
  std::vector<Json> vectors;
  for (std::string line; std::getline(lines, line);) vectors.push_back(Json::parse(line));
  return vectors;
}

ByteBuffer bytes_of(const Json& vector) {
  const auto hex = vector.at("hex").get<std::string>();
  ByteBuffer bytes(hex.size() / 2);
  EXPECT_TRUE(from_hex(hex, bytes)) << vector.at("name");
  return bytes;
}

/// What our codec writes is canonical; what it merely reads is marked "tolerated".
void expect_same_fields_and_bytes(const std::string& file) {
  const std::vector<Json> vectors = load(file);
  ASSERT_FALSE(vectors.empty()) << file;
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const ByteBuffer bytes = bytes_of(vector);
    const auto decoded = decode_vector(vector.at("kind").get<std::string>(), bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().text();
    EXPECT_EQ(decoded->fields, vector.at("fields"));
    if (!vector.contains("tolerated")) {
      EXPECT_EQ(to_hex(decoded->encoded), to_hex(bytes));
    }
  }
}

TEST(Vectors, EveryFrameReadsAsItsFieldsAndIsWrittenTheSameWay) {
  expect_same_fields_and_bytes("frames.jsonl");
}

TEST(Vectors, EveryEnvelopeReadsAsItsFieldsAndIsWrittenTheSameWay) {
  expect_same_fields_and_bytes("envelopes.jsonl");
}

TEST(Vectors, EveryParamMapReadsAsItsFieldsAndIsWrittenTheSameWay) {
  expect_same_fields_and_bytes("params.jsonl");
}

TEST(Vectors, EveryRecordReadsAsItsFieldsAndIsWrittenTheSameWay) {
  expect_same_fields_and_bytes("records.jsonl");
}

TEST(Vectors, EveryInvalidOneIsRefusedWithItsError) {
  const std::vector<Json> vectors = load("invalid.jsonl");
  ASSERT_FALSE(vectors.empty());
  for (const Json& vector : vectors) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const ByteBuffer bytes = bytes_of(vector);
    const auto decoded = decode_vector(vector.at("kind").get<std::string>(), bytes);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(error_name(decoded.error().code), vector.at("error").get<std::string>());
  }
}

// Goal: no vector can hide behind another of its name, and every frame and record has one.
TEST(Vectors, NamesAreUniqueAndEveryFrameAndRecordIsThere) {
  std::set<std::string> names;
  std::set<std::string> seen;
  for (const char* file :
       {"frames.jsonl", "envelopes.jsonl", "params.jsonl", "records.jsonl", "invalid.jsonl"}) {
    for (const Json& vector : load(file)) {
      EXPECT_TRUE(names.insert(vector.at("name").get<std::string>()).second) << vector.at("name");
      if (!vector.contains("fields")) continue;
      for (const char* key : {"frame", "record"}) {
        const Json& fields = vector.at("fields");
        if (fields.contains(key)) seen.insert(key + (":" + fields.at(key).get<std::string>()));
      }
    }
  }
  const std::set<std::string> expected{
      "frame:hello",         "frame:welcome",       "frame:attach",        "frame:send",
      "frame:accept",        "frame:notify",        "frame:receipt",       "frame:error",
      "frame:ping",          "frame:pong",          "frame:request",       "frame:response",
      "frame:bye",           "frame:subscribe",     "frame:unsubscribe",   "frame:presence",
      "record:envelope",     "record:agent",        "record:settled",      "record:skipped",
      "record:segment",      "record:start",        "record:gap",          "record:snapshot_begin",
      "record:snapshot_row", "record:snapshot_end", "record:duplicate",    "record:retry",
      "record:dead",         "record:dead_dropped", "record:agent_retired"};
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace capstan
