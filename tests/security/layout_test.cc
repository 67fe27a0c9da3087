#include "capstan/security/layout.h"

#include <gtest/gtest.h>

namespace capstan {
namespace {

TEST(Layout, PutsEveryFileWhereTheDesignSays) {
  const Layout layout{"/srv/hub"};
  EXPECT_EQ(layout.config_file(), "/srv/hub/capstan.toml");
  EXPECT_EQ(layout.hub_key(), "/srv/hub/keys/hub.key");
  EXPECT_EQ(layout.hub_public_key(), "/srv/hub/keys/hub.pub");
  EXPECT_EQ(layout.operator_key(), "/srv/hub/keys/operator.key");
  EXPECT_EQ(layout.agent_key("bob"), "/srv/hub/keys/bob.key");
  EXPECT_EQ(layout.admissions(), "/srv/hub/agents");
  EXPECT_EQ(layout.data(), "/srv/hub/data");
  EXPECT_EQ(layout.endpoint(), "/srv/hub/run/endpoint");
}

}  // namespace
}  // namespace capstan
