#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "capstan/codec/record.h"
#include "capstan/journal/offline_copy.h"
#include "capstan/security/layout.h"
#include "commands.h"
#include "config/config.h"
#include "exit_code.h"
#include "journal_check.h"
#include "record_text.h"

namespace capstan::cli {

namespace {

using Json = nlohmann::ordered_json;

/// The data directory of a hub's folder, or the folder itself when it is one.
Result<std::string> data_directory(const std::string& directory) {
  const Layout layout{directory};
  std::error_code ignored;
  if (std::filesystem::exists(layout.config_file(), ignored)) {
    const auto config = load_config(layout.config_file());
    if (!config) return config.error();
    return config->journal_directory().string();
  }
  if (std::filesystem::is_directory(layout.directory / "journal", ignored)) return directory;
  return {ErrorCode::kNotFound, directory + " is neither a hub's folder nor its data folder"};
}

Result<std::unique_ptr<OfflineCopy>> copy_of(const JournalToolOptions& options) {
  const auto data = data_directory(options.directory);
  if (!data) return data.error();
  std::error_code ignored;
  const std::string scratch = options.scratch.empty()
                                  ? std::filesystem::temp_directory_path(ignored).string()
                                  : options.scratch;
  return OfflineCopy::make(*data, scratch);
}

const char* witness_text(WitnessVerdict verdict) {
  switch (verdict) {
    case WitnessVerdict::kNone:
      return "none";
    case WitnessVerdict::kAgrees:
      return "agrees";
    case WitnessVerdict::kOlder:
      return "older";
    case WitnessVerdict::kTailLost:
      return "tail_lost";
    case WitnessVerdict::kDisagrees:
      return "disagrees";
  }
  return "none";
}

const char* state_text(const JournalReport& report) {
  if (report.state_damaged) return "damaged";
  return report.applied == Sequence{} ? "empty" : "sound";
}

const char* start_text(const JournalReport& report) {
  if (report.start_error) return "refused";
  if (report.state_from_snapshot) return "snapshot";
  return report.applied == Sequence{} ? "beginning" : "checkpoint";
}

Json numbers(const std::vector<Sequence>& sequences) {
  Json list = Json::array();
  for (const Sequence sequence : sequences) list.push_back(sequence.value);
  return list;
}

Json to_json(const JournalReport& report) {
  Json segments = Json::array();
  for (const SegmentInfo& info : report.segments) {
    segments.push_back(
        {{"first", info.first.value}, {"last", info.last.value}, {"bytes", info.bytes}});
  }
  Json lost = Json::array();
  for (const Loss& loss : report.lost) {
    lost.push_back({{"segment", loss.segment.value},
                    {"first", loss.range.first.value},
                    {"last", loss.range.last.value},
                    {"recorded", loss.recorded}});
  }
  Json out{{"sound", report.sound()},
           {"last_sequence", report.last_sequence.value},
           {"blocks", report.blocks},
           {"records", report.records},
           {"segments", std::move(segments)},
           {"state", state_text(report)},
           {"applied", report.applied.value},
           {"start_from", start_text(report)},
           {"witness", witness_text(report.witness)},
           {"damaged", report.damaged},
           {"lost", std::move(lost)},
           {"chain_breaks", numbers(report.chain_breaks)},
           {"unreadable_records", numbers(report.unreadable_records)}};
  if (report.start_error) out["start_error"] = report.start_error->text();
  return out;
}

void print(const JournalReport& report) {
  std::cout << report.segments.size() << " segments, " << report.blocks << " blocks, "
            << report.records << " records, up to sequence " << report.last_sequence.value << '\n'
            << "state: " << state_text(report) << ", a start begins from: " << start_text(report)
            << '\n'
            << "witness: " << witness_text(report.witness) << '\n';
  if (report.start_error)
    std::cout << "a hub would not start: " << report.start_error->text() << '\n';
  for (const std::string& name : report.damaged) std::cout << "damaged: " << name << '\n';
  for (const Loss& loss : report.lost) {
    std::cout << "lost: sequences " << loss.range.first.value << " to " << loss.range.last.value
              << " of segment " << loss.segment.value
              << (loss.recorded ? " (an earlier start has recorded it)" : "") << '\n';
  }
  for (const Sequence base : report.chain_breaks) {
    std::cout << "chain break: the block at sequence " << base.value
              << " was not written after the one before it\n";
  }
  for (const Sequence sequence : report.unreadable_records) {
    std::cout << "unreadable: the record at sequence " << sequence.value << '\n';
  }
  std::cout << (report.sound() ? "sound" : "damaged") << '\n';
}

/// Prints one record a line, and lost sequences in their place.
class PrintingSink final : public RecoverySink {
 public:
  PrintingSink(const JournalToolOptions& options, bool json) : options_(options), json_(json) {}

  Status row(Bytes, Bytes) override { return {}; }

  Status block(const SharedBlock& block) override {
    if (next_ != Sequence{}) lost_before(block->base);
    next_ = block->last().plus(1);
    RecordReader reader(*block);
    while (const auto record = reader.next()) {
      if (record->sequence < options_.from || record->sequence > options_.to) continue;
      const auto described = describe_record(*record, options_.payload);
      put(described ? *described
                    : Json{{"sequence", record->sequence.value},
                           {"type", "unreadable"},
                           {"bytes", record->payload.size()}});
    }
    return {};
  }

  /// What is lost between the last block and `end`.
  void lost_before(Sequence end) {
    if (next_ >= end || next_ > options_.to || end <= options_.from) return;
    put({{"sequence", next_.value}, {"type", "lost"}, {"last", end.value - 1}});
  }

 private:
  void put(const Json& record) {
    if (json_) {
      std::cout << record.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    } else {
      std::cout << record_line(record) << '\n';
    }
  }

  const JournalToolOptions& options_;
  bool json_;
  Sequence next_;
};

}  // namespace

int run_journal_verify(const JournalToolOptions& options) {
  const auto copy = copy_of(options);
  if (!copy) return report(copy.error());
  const auto found = check_journal((*copy)->directory());
  if (!found) return report(found.error());
  if (options.json) {
    std::cout << to_json(*found).dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    print(*found);
  }
  return found->sound() ? kExitDone : kExitFailed;
}

int run_journal_dump(const JournalToolOptions& options) {
  const auto copy = copy_of(options);
  if (!copy) return report(copy.error());
  JournalOptions journal;
  journal.directory = (*copy)->directory();
  journal.ballast_bytes = 0;
  auto store = JournalStore::open(journal);
  if (!store) return report(store.error());
  PrintingSink sink(options, options.json);
  const auto summary = (*store)->recover(sink, Replay::kEverything);
  if (!summary) return report(summary.error());
  sink.lost_before(summary->last_sequence.plus(1));
  return kExitDone;
}

}  // namespace capstan::cli
