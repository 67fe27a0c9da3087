#include "world.h"

#include <utility>

namespace capstan::sim {

namespace {

/// Virtual time that a healed world may take to come to rest: so much, and a round trip for each
/// envelope that waits, because a receiver may have credit for one at a time.
constexpr std::uint64_t kRestNsMax = 600 * kNsPerSecond;
constexpr std::uint64_t kRestStepsMax = 2'000'000;
/// So long it has to be at rest: what a client has sent that is gone since may be on a link, or in
/// a commit that is not durable yet, and nobody but the hub knows of it.
constexpr std::uint64_t kQuietNs = 2 * kNsPerSecond;

}  // namespace

World::World(Plan plan, std::FILE* trace)
    : plan_(std::move(plan)),
      random_(plan_.seed),
      operator_random_(~plan_.seed),
      trace_(schedule_, trace),
      auditor_(plan_, counts_),
      common_{plan_, schedule_, trace_, counts_, auditor_},
      disk_(common_, random_.next()),
      network_(common_, random_.next()),
      hub_(common_, disk_, network_, random_.next()) {}

void World::make_clients() {
  for (std::size_t i = 0; i + 1 < plan_.keys.size(); ++i) {
    const KeyPlan& key = plan_.keys[i];
    const auto add = [&](std::vector<std::unique_ptr<Client>>& to, bool receives) {
      to.push_back(std::make_unique<Client>(common_, network_, key, receives, random_.next()));
    };
    if (plan_.leaves(key)) {
      add(guests_, true);
      continue;
    }
    add(clients_, true);
    for (std::size_t poster = 0; poster < key.posters; ++poster) add(clients_, false);
    if (random_.one_in(3)) add(guests_, true);
  }
  if (plan_.hostile) hostile_ = std::make_unique<Hostile>(common_, network_, random_.next());
}

Outcome World::run() {
  make_clients();
  hub_.start();
  for (const auto& client : clients_) client->start();
  for (const auto& guest : guests_) {
    schedule_.after(random_.below(2 * kNsPerSecond), [this, one = guest.get()] {
      if (!healed_) one->start();
    });
  }
  if (hostile_) hostile_->start();
  plan_fault();
  plan_hub_fault();
  if (plan_.leaver) plan_departure();
  if (plan_.fills) plan_disk_space();
  // A quiet world takes more steps, so that its hub has something to do, too.
  while ((steps_ < plan_.steps_max || hub_.events() < plan_.steps_max / 2) && step()) {
  }
  heal();
  if (run_until_rest()) {
    bool stopped = false;
    hub_.stop([&stopped] { stopped = true; });
    const std::uint64_t deadline_ns = schedule_.now_ns() + 60 * kNsPerSecond;
    while (!stopped && schedule_.now_ns() < deadline_ns && step()) {
    }
    if (!stopped) auditor_.violated("the healed hub does not stop when it is asked to");
    auditor_.finish();
  }
  counts_.add(Count::kLostMail, auditor_.ledger().lost_count());
  counts_.add(Count::kGapNotices, auditor_.ledger().gap_notices());
  for (const auto& client : clients_) trace_.remark(client->describe());
  return {auditor_.violation(), trace_.hash(), steps_, hub_.events(), counts_};
}

bool World::step() {
  ++steps_;
  const bool more = schedule_.run_one();
  if (!more) auditor_.violated("nothing is left to happen");
  return more && auditor_.violation().empty();
}

bool World::run_until_rest() {
  const std::uint64_t round_trips_ns = auditor_.waiting() * 2 * plan_.link_delay_ns;
  const std::uint64_t deadline_ns = schedule_.now_ns() + kRestNsMax + round_trips_ns;
  const std::uint64_t deadline_steps = steps_ + kRestStepsMax;
  std::uint64_t rests_since_ns = schedule_.now_ns();
  while (schedule_.now_ns() < rests_since_ns + kQuietNs) {
    if (!hub_.up() || hub_.removing() || !auditor_.at_rest()) {
      rests_since_ns = schedule_.now_ns();
    }
    if (schedule_.now_ns() > deadline_ns || steps_ > deadline_steps) {
      auditor_.violated("the healed world does not come to rest: " + auditor_.unrest());
    }
    if (!auditor_.violation().empty() || !step()) return false;
  }
  return auditor_.violation().empty();
}

void World::plan_fault() {
  schedule_.after(random_.below(plan_.fault_interval_ns * 2) + 1, [this] {
    if (healed_) return;
    fault();
    plan_fault();
  });
}

void World::fault() {
  switch (random_.below(8)) {
    case 0: {
      auto& among = !guests_.empty() && random_.one_in(3) ? guests_ : clients_;
      among[static_cast<std::size_t>(random_.below(among.size()))]->crash();
      return;
    }
    case 1: {
      counts_.add(Count::kWallSteps);
      const auto range = static_cast<std::int64_t>(3600 * kNsPerSecond);
      const auto magnitude = static_cast<std::int64_t>(
          random_.below(static_cast<std::uint64_t>(range) >> random_.below(36)));
      schedule_.step_wall(random_.one_in(2) ? magnitude : -magnitude);
      return;
    }
    default:
      network_.cut_one();
      return;
  }
}

void World::plan_hub_fault() {
  schedule_.after(random_.below(plan_.hub_fault_interval_ns * 2) + 1, [this] {
    if (healed_) return;
    hub_fault();
    plan_hub_fault();
  });
}

void World::hub_fault() {
  disk_.rot();
  switch (random_.below(11)) {
    case 0:
    case 1:
      if (hub_.up()) hub_.kill();
      return;
    case 2:
    case 3:
      if (hub_.up()) hub_.cut_power();
      return;
    case 4:
    case 5:
    case 6:
      if (hub_.up()) tear_next_commit();
      return;
    case 7:
      disk_.fill();
      return heal_later();
    case 8:
      disk_.fail_syncs();
      return heal_later();
    case 9:
      disk_.fail_reads();
      return heal_later();
    default:
      hub_.stop([this] {
        if (random_.one_in(2)) disk_.lose_state();
        schedule_.after(random_.below(kNsPerSecond), [this] {
          if (!hub_.up()) hub_.start();
        });
      });
      return;
  }
}

void World::tear_next_commit() {
  // What the operating system has already survives a process that is only killed.
  const bool kills = plan_.holds_written && random_.one_in(3);
  disk_.tear_next_commit([this, kills] { kills ? hub_.kill() : hub_.cut_power(); });
}

void World::heal_later() {
  schedule_.after(random_.below(2 * kNsPerSecond), [this] { disk_.heal(); });
}

void World::plan_departure() {
  schedule_.after(operator_random_.below(kNsPerSecond) + 1, [this] {
    if (healed_) return;
    if (operator_random_.one_in(2)) {
      hub_.remove_leaver();
      // In the middle of it, as often as not.
      if (hub_.up() && operator_random_.one_in(3)) {
        disk_.tear_next_commit([this] { hub_.cut_power(); });
      }
    } else {
      hub_.readmit_leaver();
    }
    plan_departure();
  });
}

void World::plan_disk_space() {
  schedule_.after(operator_random_.below(2 * kNsPerSecond) + 1, [this] {
    if (healed_) return;
    hub_.disk_space(static_cast<DiskState>(operator_random_.below(3)));
    plan_disk_space();
  });
}

void World::heal() {
  trace_.note("heal");
  healed_ = true;
  disk_.heal();
  disk_.tear_next_commit(nullptr);
  hub_.disk_space(DiskState::kOk);
  // Nobody would ever receive its mail.
  if (plan_.leaver) hub_.remove_leaver();
  if (hostile_) hostile_->leave();
  for (const auto& guest : guests_) guest->leave();
  for (const auto& client : clients_) client->calm();
  heir_ = std::make_unique<Client>(common_, network_, plan_.keys.back(), true, random_.next());
  heir_->calm();
  heir_->start();
}

Outcome run_seed(std::uint64_t seed, std::uint64_t steps_max, Lie lie, std::FILE* trace) {
  World world(make_plan(seed, steps_max, lie), trace);
  return world.run();
}

}  // namespace capstan::sim
