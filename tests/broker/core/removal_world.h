// bob has mail and is removed: what the tests of removals begin with.
#pragma once

#include "mail_world.h"

namespace capstan::core_test {

struct RemovalWorld : MailWorld {
  explicit RemovalWorld(int count, const HubConfig& hub = failing_config(5))
      : MailWorld(count, hub) {}

  /// The operator asks; nothing is answered.
  void ask_removal(const std::string& name = "bob") {
    world.say(admin, Request{++requests, "agent_remove", encode_params(name_is(name))});
  }

  /// What the files say: the key `name` had the name alone.
  [[nodiscard]] static NameWithdrawn withdrawn(const std::string& name = "bob") {
    NameWithdrawn event;
    event.name = name;
    event.key = key_of(name).key;
    event.withdrawn = {name};
    return event;
  }

  /// The keys on disk, with one of bob's.
  [[nodiscard]] static KeysChanged keys_with(const AdmittedKey& bob) {
    AdmittedKey boss = key_of("operator");
    boss.role = AgentRole::kAdmin;
    return {{key_of("alice"), bob, boss}};
  }

  /// The whole way, but for what has to be read.
  Response remove(const std::string& name = "bob") {
    ask_removal(name);
    world.tell(withdrawn(name));
    world.commit();
    world.tell(WithdrawalForgotten{name, std::nullopt});
    world.commit();
    return admin.take_one<Response>();
  }

  /// Dead letters as `dead_list` shows them.
  std::vector<ParamMap> letters() {
    const ParamMap answer = get("dead_list", {});
    const auto* found = answer.maps("letters");
    return found == nullptr ? std::vector<ParamMap>() : *found;
  }

  /// Ids that notices about dead letters named, to alice.
  std::vector<std::string> told() {
    std::vector<std::string> told_ids;
    for (const Notified& notice : alice.take<Notified>()) {
      EXPECT_EQ(notice.envelope.event_type, "capstan.delivery.dead");
      const auto data = decode_params(notice.envelope.event_data);
      EXPECT_EQ(data->text("reason"), "agent removed");
      for (const std::string& id : *data->texts("envelope_ids")) told_ids.push_back(id);
    }
    return told_ids;
  }

  [[nodiscard]] std::vector<std::string> sent() const {
    std::vector<std::string> texts;
    for (const EnvelopeId& id : ids) texts.push_back(id.hex());
    return texts;
  }
};

}  // namespace capstan::core_test
