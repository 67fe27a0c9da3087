#include "report.h"

#include <gtest/gtest.h>

namespace capstan::bench {
namespace {

TEST(Report, EveryFieldIsInEveryRowAndNullWithoutAValue) {
  const nlohmann::json json = row_json(Row{});
  for (const char* field :
       {"envelopes_per_second", "ratio_to_floor", "rss_anon_bytes", "bytes_per_agent",
        "ready_seconds", "disk_bytes", "needed_bytes", "bounded", "bound", "within_bound"}) {
    ASSERT_TRUE(json.contains(field)) << field;
    EXPECT_TRUE(json.at(field).is_null()) << field;
  }
  EXPECT_EQ(json.at("curve"), false);
}

TEST(Report, ABoundIsKeptUpToItselfAndMissedBeyond) {
  Row row;
  set_upper_bound(row, "ready_seconds", 3.0, 3.0);
  EXPECT_EQ(row_json(row).at("within_bound"), true);
  set_upper_bound(row, "ready_seconds", 3.01, 3.0);
  EXPECT_EQ(row_json(row).at("within_bound"), false);
  set_lower_bound(row, "ratio_to_floor", 0.5, 0.5);
  EXPECT_EQ(row_json(row).at("within_bound"), true);
  set_lower_bound(row, "ratio_to_floor", 0.49, 0.5);
  EXPECT_EQ(row_json(row).at("within_bound"), false);
  EXPECT_EQ(row_json(row).at("bounded"), "ratio_to_floor");
}

TEST(Report, ALineSaysWhatWasMeasuredAndWhetherTheBoundWasKept) {
  Row row;
  row.workload = "backlog";
  row.payload_bytes = 256;
  row.agents = 1;
  row.envelopes = 10'000;
  row.rss_anon_bytes = std::uint64_t{600} * 1024 * 1024;
  set_upper_bound(row, "rss_anon_bytes", 600.0 * 1024 * 1024, 512.0 * 1024 * 1024);
  EXPECT_EQ(line_text(row),
            "backlog: 1 agent, 10000 envelopes of 256 B, CURVE off, RssAnon 600.0 MiB; "
            "bound 512.0 MiB: MISSED");
}

TEST(Report, RatesStandInTheTableAndOtherRowsInLinesBelow) {
  Row rate;
  rate.system = "capstan";
  rate.workload = "one_to_one";
  rate.envelopes_per_second = 890'000.0;
  Row idle;
  idle.system = "capstan";
  idle.workload = "idle_agents";
  idle.agents = 2000;
  const std::string text = table_text(Machine{2, "a processor", 170.0}, {rate, idle});
  EXPECT_NE(text.find("890.0 k/s"), std::string::npos) << text;
  EXPECT_NE(text.find("\nidle_agents: 2000 agents"), std::string::npos) << text;
}

}  // namespace
}  // namespace capstan::bench
