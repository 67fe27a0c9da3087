// What blocks and commits cost, without the hub around them.

#include <benchmark/benchmark.h>
#include <leveldb/write_batch.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "capstan/base/check.h"
#include "capstan/journal/store.h"
#include "journal/block_codec.h"
#include "payload.h"
#include "run_folder.h"

namespace capstan::bench {
namespace {

constexpr std::uint32_t kRecordsPerBlock = 200;

SharedBlock full_block(Sequence base) {
  Block block;
  block.base = base;
  block.record_count = kRecordsPerBlock;
  block.records = incompressible(kBlockBytesMax);
  return std::make_shared<const Block>(std::move(block));
}

Commit commit_of(CommitNumber number, std::int64_t blocks, Sequence base) {
  Commit commit;
  commit.number = number;
  for (std::int64_t i = 0; i < blocks; ++i, base = base.plus(kRecordsPerBlock))
    commit.blocks.push_back(full_block(base));
  return commit;
}

/// Header, both checksums and the copy into LevelDB's batch.
void encode_block_of_64_kib(benchmark::State& state) {
  const Commit commit = commit_of(CommitNumber{1}, 1, Sequence{1});
  CommitEncoder encoder;
  leveldb::WriteBatch batch;
  std::uint64_t checksum = 0;
  for (auto _ : state) {
    batch.Clear();
    checksum = encoder.encode(commit, checksum, batch);
  }
  benchmark::DoNotOptimize(checksum);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBlockBytesMax));
}
BENCHMARK(encode_block_of_64_kib);

class NothingToRecover final : public RecoverySink {
 public:
  Status row(Bytes, Bytes) override { return {}; }
  Status block(const SharedBlock&) override { return {}; }
};

std::string data_parent() {
  const char* temporary = std::getenv("TMPDIR");
  return temporary != nullptr ? temporary : "build/bench-data";
}

/// A fresh journal in a folder of its own.
class Journal {
 public:
  Journal() {
    auto folder = RunFolder::make(data_parent());
    CAPSTAN_CHECK(folder.ok());
    folder_ = std::move(folder).value();
    JournalOptions options;
    options.directory = folder_->path() + "/data";
    auto store = JournalStore::open(options);
    CAPSTAN_CHECK(store.ok());
    store_ = std::move(store).value();
    NothingToRecover sink;
    CAPSTAN_CHECK(store_->recover(sink).ok());
  }

  void commit(Commit commit) {
    commit.opens_segment = commit.number.value == 1;
    CAPSTAN_CHECK(store_->commit(commit).ok());
  }

 private:
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<JournalStore> store_;
};

/// A synced commit of so many blocks of 64 KiB: the real journal on the real disk.
void commit_blocks(benchmark::State& state) {
  Journal journal;
  CommitNumber number{1};
  Sequence base{1};
  for (auto _ : state) {
    state.PauseTiming();
    Commit commit = commit_of(number, state.range(0), base);
    base = commit.blocks.back()->last().plus(1);
    ++number;
    state.ResumeTiming();
    journal.commit(std::move(commit));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) *
                          static_cast<std::int64_t>(kBlockBytesMax));
}
BENCHMARK(commit_blocks)->Arg(1)->Arg(4)->Arg(16)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace capstan::bench
