#include "raw_zmq.h"

#include "floor.h"

namespace capstan::bench {

Result<RunResult> run_raw_zmq(const RunSpec& spec) {
  RunSpec without_journal = spec;
  without_journal.journal = false;
  return run_floor(without_journal);
}

}  // namespace capstan::bench
