// The real journal on a disk in memory, at the pace of virtual time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "auditor.h"
#include "capstan/base/random.h"
#include "capstan/core/effect.h"
#include "capstan/journal/store.h"
#include "memory_env.h"
#include "recovery.h"
#include "rot.h"
#include "schedule.h"
#include "trace.h"

namespace capstan::sim {

/// What the parts of a world share.
struct Common {
  const Plan& plan;
  Schedule& schedule;
  Trace& trace;
  Counts& counts;
  Auditor& auditor;
};

/// Two queues, as the daemon has two threads: commits, and the reader's reads, checkpoints and
/// drops. Each job is done at one moment and answered at a later one; a crash may come between.
class Disk {
 public:
  using Answer = std::function<void(Event)>;

  Disk(Common common, std::uint64_t seed);

  /// Opens the journal and replays it, twice, and holds both results against each other.
  /// Errors: those of the journal; with a bad disk they are no violation.
  [[nodiscard]] Result<Recovered> start();
  /// Answers go to `answer` until the next kill().
  void run(Answer answer) { answer_ = std::move(answer); }

  void commit(Commit commit);
  void read(ReadId id, std::vector<Sequence> bases);
  void checkpoint(Checkpoint checkpoint);
  void store_cold(ColdPart part);
  void drop(const DropSegment& drop);

  /// The process ends: what waits is forgotten, what was written stays.
  void kill();
  /// The process ends, and what was not synced is kept or lost by chance.
  void cut_power();

  // Faults. heal() ends them.
  void fill();
  void fail_syncs();
  /// Reads fail for a while, as on a disk that is too busy or briefly gone.
  void fail_reads();
  /// The next commit fails in its middle, and `then` is called at that moment; when the commit was
  /// told as written, the disk stalls, and it is called a while later.
  void tear_next_commit(std::function<void()> then) { tear_ = std::move(then); }
  void heal();
  /// The disk is bad, or was at some time in this life of the process.
  [[nodiscard]] bool bad() const { return bad_ || was_bad_; }

  /// Between start() and kill(): reads some of the mail that has to be there, settled or not.
  void check_retained();

  /// A stored block turns bad, sometimes; at any time, in the worlds where this happens.
  void rot();
  /// The checkpoint is gone: the next start has to find a snapshot.
  void lose_state();

 private:
  using Job = std::function<std::optional<Event>()>;

  struct Queue {
    std::uint64_t done_ns = 0;      ///< When the last job is done.
    std::uint64_t answered_ns = 0;  ///< When the last answer arrives.
  };

  [[nodiscard]] Result<std::unique_ptr<JournalStore>> open();
  void check_damage(const Recovered& recovered);
  void add_unheard(std::vector<SharedBlock>& blocks);
  [[nodiscard]] Status rehearse(std::vector<SharedBlock>& blocks, std::vector<StateRow>& rows);
  void enqueue(Queue& queue, Job job);
  void answer_later(Queue& queue, Event event);
  void answer(const Event& event);
  [[nodiscard]] std::optional<Event> write(const Commit& commit);
  [[nodiscard]] Status write_to_store(const Commit& commit, bool& handed_over);
  [[nodiscard]] bool tear(bool written, bool handed_over);
  void check_retained(const EnvelopeId& id);
  void check_failed_read(const ReadDone& done, const std::vector<Sequence>& bases);
  [[nodiscard]] std::uint64_t delay();

  Common common_;
  Random random_;
  Random rot_random_;  // Of its own, so that worlds without rot are what they would be without it.
  MemoryEnv env_;
  Rot rot_;
  std::unique_ptr<JournalStore> store_;
  Answer answer_;
  std::uint64_t life_ = 0;
  Queue commits_;
  Queue reader_;
  std::size_t commits_waiting_ = 0;
  /// Written commits that the hub has not heard to be durable: the auditor hears it with the hub.
  std::deque<std::vector<SharedBlock>> unheard_;
  /// What of it the last process left behind: a start from a snapshot replays nothing of it.
  std::vector<SharedBlock> left_unheard_;
  bool stalled_ = false;  ///< Nothing is done any more until the process ends.
  bool bad_ = false;
  bool was_bad_ = false;
  bool reads_fail_ = false;
  std::function<void()> tear_;
};

}  // namespace capstan::sim
