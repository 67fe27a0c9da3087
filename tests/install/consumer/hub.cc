// consumer_hub FOLDER: a hub core writes the record of its start into a journal; read again from
// the disk, it is there.
#include "capstan/core/hub.h"

#include <iostream>

#include "capstan/codec/record.h"
#include "capstan/journal/store.h"

namespace {

using capstan::Status;

/// Counts the starts in the WAL.
class Starts final : public capstan::RecoverySink {
 public:
  Status row(capstan::Bytes, capstan::Bytes) override { return {}; }
  Status block(const capstan::SharedBlock& block) override {
    capstan::RecordReader reader(*block);
    while (const auto record = reader.next()) {
      if (record->type == capstan::RecordType::kStart) ++count;
    }
    return {};
  }
  int count = 0;
};

/// Opens the journal, counts the starts in it, and has a hub add its own.
capstan::Result<int> start_once(const std::string& directory) {
  const auto store = capstan::JournalStore::open({.directory = directory});
  if (!store.ok()) return store.error();
  Starts starts;
  const auto found = (*store)->recover(starts);
  if (!found.ok()) return found.error();
  if (starts.count > 0) return starts.count;

  capstan::HubStart start;
  start.last_commit = found->last_commit;
  start.last_sequence = found->last_sequence;
  start.id_time_ceiling_ns = found->id_time_ceiling_ns;
  capstan::Effects effects;
  const capstan::Hub hub({}, {}, start, {}, effects);
  for (const capstan::Effect& effect : effects) {
    const auto* commit = std::get_if<capstan::WriteCommit>(&effect);
    if (commit == nullptr) continue;
    if (Status written = (*store)->commit(commit->commit); !written.ok()) return written.error();
  }
  return starts.count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: consumer_hub FOLDER\n";
    return 2;
  }
  for (const int expected : {0, 1}) {
    const auto count = start_once(argv[1]);
    if (!count.ok() || *count != expected) {
      std::cerr << (count.ok() ? "starts found: " + std::to_string(*count) : count.error().text())
                << "\n";
      return 1;
    }
  }
  std::cout << "found again\n";
  return 0;
}
