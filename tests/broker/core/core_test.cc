#include "core.h"

#include <gtest/gtest.h>

#include "capstan/base/random.h"

namespace capstan {
namespace {

ChannelId channel(std::uint8_t number) {
  ChannelId id;
  id.bytes.fill(number);
  return id;
}

TEST(Printable, TextOfAPeerStaysInItsLineAndIsCutWhereItIsLong) {
  EXPECT_EQ(printable("alice"), "alice");
  EXPECT_EQ(printable("bob\naudit=x\x7f\x1b[0m"), "bob?audit=x??[0m");
  EXPECT_EQ(printable("Ren\xc3\xa9"), "Ren\xc3\xa9") << "UTF-8 is nobody's control character";
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("Ren\xc3\xa9 and others", 4), "Ren...") << "no character is cut in two";
  EXPECT_EQ(printable("Ren\xc3\xa9 and others", 5), "Ren\xc3\xa9...");
  EXPECT_EQ(quoted("a \" name=\"b\n"), "\"a ? name=?b?\"");
}

// Goal: whatever a peer has written stands in an audit, it forges no line of it and fills none.
TEST(Core, AnAuditIsOneLineOfBoundedLength) {
  Core core(HubConfig{}, State{}, HubStart{});
  Effects effects;
  core.effects = &effects;
  core.audit("access_denied", "name=x\naudit=access_denied key=alice" + std::string(1 << 20, 'y'));
  ASSERT_EQ(effects.size(), 1U);
  const auto& audit = std::get<Audit>(effects.front());
  EXPECT_EQ(audit.event, "access_denied");
  EXPECT_EQ(audit.detail.rfind("name=x?audit=access_denied key=alicey", 0), 0U);
  EXPECT_LE(audit.detail.size(), kAuditBytesMax + 3);
}

TEST(OpenNumbers, BlockLaterNumbersToTheSameChannelOnly) {
  OpenNumbers open;
  EXPECT_FALSE(open.blocks(1, channel(1)));
  open.open(5, channel(1));
  EXPECT_TRUE(open.contains(5));
  EXPECT_FALSE(open.contains(6));
  EXPECT_TRUE(open.blocks(6, channel(1)));
  EXPECT_FALSE(open.blocks(5, channel(1))) << "a number does not wait for itself";
  EXPECT_FALSE(open.blocks(4, channel(1)));
  EXPECT_FALSE(open.blocks(6, channel(2)));
  open.close(5);
  EXPECT_FALSE(open.blocks(6, channel(1)));
  EXPECT_EQ(open.size(), 0U);
}

TEST(OpenNumbers, ANumberThatOpensAgainCountsForItsNewChannel) {
  OpenNumbers open;
  open.open(5, channel(1));
  open.open(5, channel(2));
  EXPECT_EQ(open.size(), 1U);
  EXPECT_FALSE(open.blocks(6, channel(1)));
  EXPECT_TRUE(open.blocks(6, channel(2)));
}

TEST(OpenNumbers, ClosingWhatIsNotOpenChangesNothing) {
  OpenNumbers open;
  open.close(3);
  open.open(5, channel(1));
  open.close(4);
  EXPECT_EQ(open.size(), 1U);
}

TEST(OpenNumbers, AreTheSameAsTheOracleAfterEveryRandomStep) {
  Random random(11);
  OpenNumbers open;
  std::map<std::uint64_t, ChannelId> oracle;
  for (int step = 0; step < 2000; ++step) {
    const std::uint64_t number = 1 + random.below(30);
    const ChannelId to = channel(static_cast<std::uint8_t>(random.below(3)));
    if (random.one_in(2)) {
      open.open(number, to);
      oracle[number] = to;
    } else {
      open.close(number);
      oracle.erase(number);
    }
    ASSERT_EQ(open.size(), oracle.size());
    for (std::uint8_t c = 0; c < 3; ++c) {
      const auto lowest = std::find_if(oracle.begin(), oracle.end(), [&](const auto& entry) {
        return entry.second == channel(c);
      });
      for (std::uint64_t n = 0; n <= 31; ++n) {
        ASSERT_EQ(open.blocks(n, channel(c)), lowest != oracle.end() && lowest->first < n);
      }
    }
  }
}

TEST(SendWindow, IsAShareOfTheBudgetWithinItsBounds) {
  HubConfig config;
  config.commit_budget_bytes = 64 << 20;
  config.window_bytes = 4 << 20;
  EXPECT_EQ(send_window(config, 0).bytes, 4U << 20);
  EXPECT_EQ(send_window(config, 16).bytes, 4U << 20);
  EXPECT_EQ(send_window(config, 64).bytes, 1U << 20);
  EXPECT_EQ(send_window(config, 1'000'000).bytes, 64U * 1024) << "a window stays useful";
  EXPECT_EQ(send_window(config, 5).envelopes, config.window_envelopes);
}

}  // namespace
}  // namespace capstan
