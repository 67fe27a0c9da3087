#include "capstan/base/error.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace capstan {
namespace {

struct Entry {
  ErrorCode code;
  std::uint64_t number;
  std::string_view text;
  Reaction reaction;
};

const Entry kCatalogue[] = {
#define CAPSTAN_CATALOGUE_ENTRY(name, number, text, reaction) \
  {ErrorCode::name, number, text, Reaction::reaction},
    CAPSTAN_ERRORS(CAPSTAN_CATALOGUE_ENTRY)
#undef CAPSTAN_CATALOGUE_ENTRY
};

TEST(ErrorCatalogue, UnknownNumbersAreNoCode) {
  std::set<std::uint64_t> known;
  for (const Entry& entry : kCatalogue) known.insert(entry.number);
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    EXPECT_EQ(error_from_number(number).has_value(), known.contains(number)) << number;
  }
  // A number that only fits the enumeration when its upper bits are cut off.
  EXPECT_FALSE(error_from_number(256 + 7).has_value());
  EXPECT_FALSE(error_from_number(std::numeric_limits<std::uint64_t>::max()).has_value());
}

TEST(ErrorCatalogue, NamesAreUniqueLowerCaseWords) {
  std::set<std::string_view> names;
  for (const Entry& entry : kCatalogue) {
    EXPECT_TRUE(names.insert(entry.text).second) << entry.text;
    EXPECT_FALSE(entry.text.empty());
    EXPECT_EQ(entry.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << entry.text;
  }
}

TEST(ErrorCatalogue, EveryEntryIsFoundByCodeAndByNumber) {
  for (const Entry& entry : kCatalogue) {
    EXPECT_EQ(error_name(entry.code), entry.text);
    EXPECT_EQ(error_reaction(entry.code), entry.reaction) << entry.text;
    EXPECT_EQ(error_from_number(entry.number), entry.code) << entry.text;
  }
}

// Goal: numbers are on the wire, so one that was given once never changes.
TEST(ErrorCatalogue, NumbersThatPeersKnowStay) {
  EXPECT_EQ(error_from_number(1), ErrorCode::kMalformedFrame);
  EXPECT_EQ(error_from_number(7), ErrorCode::kAccessDenied);
  EXPECT_EQ(error_from_number(9), ErrorCode::kSuperseded);
  EXPECT_EQ(error_from_number(12), ErrorCode::kInboxFull);
  EXPECT_EQ(error_from_number(17), ErrorCode::kOutcomeUnknown);
}

TEST(Error, TextNamesTheCodeThenTheContext) {
  EXPECT_EQ((Error{ErrorCode::kInboxFull, ""}).text(), "inbox_full");
  EXPECT_EQ((Error{ErrorCode::kNotFound, "agent 'bob'"}).text(), "not_found: agent 'bob'");
}

}  // namespace
}  // namespace capstan
