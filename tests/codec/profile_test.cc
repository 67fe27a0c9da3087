#include "capstan/codec/profile.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <msgpack.hpp>

#include "capstan/codec/params.h"

namespace capstan {
namespace {

using namespace std::string_view_literals;

ByteBuffer octets(std::string_view text) { return {text.begin(), text.end()}; }

/// Packed by msgpack-c's own hand: {"kind": "agent", "auth": {"scheme": …, "claim": {"key": …}}}.
ByteBuffer passport_with_claim() {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer(buffer);
  packer.pack_map(3);
  packer.pack(std::string("kind")).pack(std::string("agent"));
  packer.pack(std::string("auth")).pack_map(2);
  packer.pack(std::string("scheme")).pack(std::string("api_key"));
  packer.pack(std::string("claim")).pack_map(1);
  packer.pack(std::string("key")).pack(std::string("s3cret"));
  packer.pack(std::string("cost")).pack(-1.5);
  return octets({buffer.data(), buffer.size()});
}

// ---- Refused ----

TEST(Profile, ADocumentIsOneMapOfTextKeysOrNothing) {
  EXPECT_TRUE(check_document({}).ok());
  EXPECT_TRUE(check_document(ByteBuffer{0x80}).ok());
  const std::initializer_list<ByteBuffer> bad{{0x90},                         // an array
                                              {0xc0},                         // nil
                                              {0x81, 0x01, 0x02},             // a number for a key
                                              {0x81, 0xa1, 'x'},              // torn
                                              {0x80, 0x80},                   // two
                                              {0x81, 0xa1, 'x', 0xd4, 1, 0},  // an extension
                                              {0xdf, 0xff, 0xff, 0xff, 0xff}};
  for (const ByteBuffer& document : bad) {
    EXPECT_EQ(check_document(document).error().code, ErrorCode::kInvalidArgument)
        << to_hex(document);
    EXPECT_FALSE(without_claim(document).ok()) << to_hex(document);
    EXPECT_FALSE(claims_capability(document, "x")) << to_hex(document);
  }
}

TEST(Profile, NestingHasABound) {
  ByteBuffer deep;
  for (int i = 0; i < 9; ++i) append(deep, octets("\x81\xa1x"));
  deep.push_back(0xc0);
  EXPECT_FALSE(check_document(deep).ok());
}

// ---- Looked into ----

TEST(Profile, APassportLosesItsClaimAndNothingElse) {
  const auto kept = without_claim(passport_with_claim());
  ASSERT_TRUE(kept.ok());
  const std::string text(kept->begin(), kept->end());
  EXPECT_EQ(text.find("s3cret"), std::string::npos);
  EXPECT_EQ(text.find("claim"), std::string::npos);
  EXPECT_NE(text.find("api_key"), std::string::npos);
  EXPECT_NE(text.find("cost"), std::string::npos);
  EXPECT_TRUE(check_document(*kept).ok());
  EXPECT_EQ(*without_claim(*kept), *kept) << "without a claim it stays as it is";
  EXPECT_TRUE(without_claim({})->empty());
}

// A whole number as a float stays one, and what is kept is never longer than what came.
TEST(Profile, WhatStaysOfAPassportStaysAsItCame) {
  const ByteBuffer passport = octets(
      "\x82\xa4"
      "cost\xca\x58\xa1\xd1\x93\xa4"
      "auth\x82\xa5"
      "claim\xa1x\xa5"
      "scale\xca\x3f\x80\x00\x00"sv);
  const ByteBuffer without = octets(
      "\x82\xa4"
      "cost\xca\x58\xa1\xd1\x93\xa4"
      "auth\x81\xa5"
      "scale\xca\x3f\x80\x00\x00"sv);
  EXPECT_EQ(*without_claim(passport), without);
  EXPECT_EQ(*without_claim(without), without);
}

TEST(Profile, ACapabilityIsATextOfTheListAndAWholeOne) {
  const ByteBuffer resume =
      encode_params(ParamMap()
                        .set("claimed_capabilities", std::vector<std::string>{"weld", "paint"})
                        .set("summary", std::string("solder")));
  EXPECT_TRUE(claims_capability(resume, "weld"));
  EXPECT_TRUE(claims_capability(resume, "paint"));
  EXPECT_FALSE(claims_capability(resume, "wel"));
  EXPECT_FALSE(claims_capability(resume, "solder"));
  EXPECT_FALSE(claims_capability({}, "weld"));
  EXPECT_FALSE(claims_capability(
      encode_params(ParamMap().set("claimed_capabilities", std::string("weld"))), "weld"));
}

}  // namespace
}  // namespace capstan
