#include "process_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace capstan::bench {
namespace {

TEST(ProcessMemory, RefusesWhatSaysNothingOfRssAnon) {
  for (const char* text : {"", "VmRSS:\t 12 kB\n", "RssAnon:\n", "RssAnon:\t12 MB\n",
                           "NotRssAnon:\t12 kB\n", "RssAnon:\tmany kB\n"})
    EXPECT_FALSE(parse_rss_anon(text)) << text;
}

TEST(ProcessMemory, TheKernelsKilobytesAre1024Bytes) {
  const auto bytes =
      parse_rss_anon("VmRSS:\t   90000 kB\nRssAnon:\t   81924 kB\nRssFile:\t 1 kB\n");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(*bytes, 81924U * 1024U);
}

TEST(ProcessMemory, OurOwnIsSomeAndThatOfNobodyIsAnError) {
  const auto own = rss_anon_bytes(::getpid());
  ASSERT_TRUE(own) << own.error().text();
  EXPECT_GT(*own, 0U);
  EXPECT_FALSE(rss_anon_bytes(-1));
}

}  // namespace
}  // namespace capstan::bench
