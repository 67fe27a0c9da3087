#include "roles.h"

#include <unistd.h>

#include <array>
#include <string_view>

#include "agent_receiver.h"
#include "agent_sender.h"
#include "floor_consumer.h"
#include "floor_hub.h"
#include "floor_producer.h"
#include "idle_crowd.h"
#include "mail_drainer.h"
#include "mail_filler.h"
#include "raw_leveldb.h"

namespace capstan::bench {
namespace {

struct Role {
  std::string_view name;
  Status (*run)(const RunSpec& spec);
};

constexpr std::array kRoles = {
    Role{"floor_hub", run_floor_hub},           Role{"floor_producer", run_floor_producer},
    Role{"floor_consumer", run_floor_consumer}, Role{"raw_leveldb", run_raw_leveldb_role},
    Role{"agent_sender", run_agent_sender},     Role{"agent_receiver", run_agent_receiver},
    Role{"mail_filler", run_mail_filler},       Role{"mail_drainer", run_mail_drainer},
    Role{"idle_crowd", run_idle_crowd},
};

// Whatever goes wrong, no child outlives its run by more than this.
constexpr double kGraceSeconds = 60.0;

}  // namespace

Status run_role(const std::string& role, const RunSpec& spec) {
  alarm(static_cast<unsigned>(spec.seconds + kGraceSeconds));
  for (const Role& known : kRoles)
    if (known.name == role) return known.run(spec);
  return {ErrorCode::kNotFound, "no role '" + role + "'"};
}

}  // namespace capstan::bench
