#include "config/options.h"

namespace capstan {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kTiB = 1024 * kGiB;

// A field of Config by its path.
#define CAPSTAN_FIELD(path) [](Config& config) -> decltype((config.path)) { return config.path; }

constexpr std::string_view kDurabilities[] = {"synced", "written", "memory"};
constexpr std::string_view kRetentions[] = {"settled", "age", "bytes", "count", "forever"};

constexpr Option kOptions[] = {
    {"listen", "endpoint", "", Reload::kAtRestart,
     TextOption{"tcp://127.0.0.1:7450", CAPSTAN_FIELD(listen.endpoint)},
     "Where agents connect to: tcp://ADDRESS:PORT, with * for every address, or ipc://PATH. A "
     "relative path is relative to this file."},

    {"security", "curve", "", Reload::kAtRestart, FlagOption{true, CAPSTAN_FIELD(security.curve)},
     "Encrypt, and admit only the keys in agents/. Without it nobody is told apart, so the "
     "endpoint must be on loopback or ipc."},
    {"security", "insecure", "", Reload::kAtRestart,
     FlagOption{false, CAPSTAN_FIELD(security.insecure)},
     "Allow curve = false on an endpoint that other machines reach: anybody there can read and "
     "send everything."},
    {"security", "agents_per_key_max", "agents", Reload::kAtRestart,
     NumberOption{10'000, 1, 1'000'000, CAPSTAN_FIELD(security.agents_per_key_max)},
     "A key with a glob makes an agent of each name that it uses first; one that has so many makes "
     "no more. Whom an operator names is added anyway."},

    {"journal", "directory", "", Reload::kAtRestart,
     TextOption{"data", CAPSTAN_FIELD(journal.directory)},
     "Where envelopes are kept. A relative path is relative to this file."},
    {"journal", "segment_bytes_max", kBytesUnit, Reload::kAtRestart,
     NumberOption{256 * kMiB, kMiB, 4 * kGiB, CAPSTAN_FIELD(journal.segment_bytes_max)},
     "Size at which the journal begins a new segment. Disk is given back by whole segments."},
    {"journal", "checkpoint_interval_ms", "ms", Reload::kAtRestart,
     NumberOption{5'000, 100, 3'600'000, CAPSTAN_FIELD(journal.checkpoint_interval_ms)},
     "How often the state is saved; a start replays what came after the last time."},
    {"journal", "disk_reserve_bytes", kBytesUnit, Reload::kAtRestart,
     NumberOption{256 * kMiB, 16 * kMiB, kTiB, CAPSTAN_FIELD(journal.disk_reserve_bytes)},
     "While the disk has less free space, sends are refused as disk_full; what is there is "
     "delivered and acknowledged. More than the hub writes in a second."},

    {"delivery", "lease_ms", "ms", Reload::kAtRestart,
     NumberOption{10'000, 1'000, 600'000, CAPSTAN_FIELD(delivery.lease_ms)},
     "An agent that was silent for so long is offline. At least twice heartbeat_ms."},
    {"delivery", "heartbeat_ms", "ms", Reload::kAtRestart,
     NumberOption{2'000, 100, 60'000, CAPSTAN_FIELD(delivery.heartbeat_ms)},
     "How often clients are asked to show that they live."},
    {"delivery", "inbox_envelopes_max", "envelopes", Reload::kAtRestart,
     NumberOption{10'000'000, 1, 1'000'000'000, CAPSTAN_FIELD(delivery.inbox_envelopes_max)},
     "Mail that may wait for one agent; more is refused as inbox_full until some is acknowledged."},
    {"delivery", "inbox_bytes_max", kBytesUnit, Reload::kAtRestart,
     NumberOption{8 * kGiB, kMiB, kTiB, CAPSTAN_FIELD(delivery.inbox_bytes_max)},
     "The same bound in bytes."},
    {"delivery", "max_deliver", "attempts", Reload::kAtRestart,
     NumberOption{16, 1, 1'000, CAPSTAN_FIELD(delivery.max_deliver)},
     "A delivery that failed so often is given up: the envelope becomes a dead letter, and its "
     "sender is told."},
    {"delivery", "ack_wait_ms", "ms", Reload::kAtRestart,
     NumberOption{0, 0, 3'600'000, CAPSTAN_FIELD(delivery.ack_wait_ms)},
     "A delivery without a receipt for so long has failed and comes again; 0: a receiver may take "
     "its time."},
    {"delivery", "durability", "", Reload::kAtRestart,
     ChoiceOption{"synced", kDurabilities, CAPSTAN_FIELD(delivery.durability)},
     "What accepted mail survives, in mailboxes that are made from now on without a durability of "
     "their own. synced: a power cut. written: the end of the hub's process; a power cut may take "
     "the newest, and each envelope is a sync faster. memory: nothing is stored; mail goes to a "
     "receiver that is there with credit, or is refused as not_delivered."},

    {"retention", "kind", "", Reload::kAtRestart,
     ChoiceOption{"settled", kRetentions, CAPSTAN_FIELD(retention.kind)},
     "How long mail stays on disk when everybody has acknowledged it, for `capstan trace` and "
     "`capstan journal dump`. settled: no longer. age, bytes, count: the newest, as much as the "
     "option below says, and up to a segment more; the oldest of it goes when the disk is low. "
     "forever: all of it; a full disk refuses sends."},
    {"retention", "age_seconds", "seconds", Reload::kAtRestart,
     NumberOption{0, 0, 3'153'600'000, CAPSTAN_FIELD(retention.age_seconds)},
     "With kind = 'age': since it was accepted. A week is 604_800."},
    {"retention", "bytes", kBytesUnit, Reload::kAtRestart,
     NumberOption{0, 0, 1'024 * kTiB, CAPSTAN_FIELD(retention.bytes)},
     "With kind = 'bytes': of all mail of the hub, waiting mail included."},
    {"retention", "count", "envelopes", Reload::kAtRestart,
     NumberOption{0, 0, 1'000'000'000'000, CAPSTAN_FIELD(retention.count)},
     "With kind = 'count': of all mail of the hub, waiting mail included."},

    {"send", "window_envelopes", "envelopes", Reload::kAtRestart,
     NumberOption{32'768, 64, 32'768, CAPSTAN_FIELD(send.window_envelopes)},
     "What one session of an agent may have sent without an answer yet."},
    {"send", "window_bytes", kBytesUnit, Reload::kAtRestart,
     NumberOption{16 * kMiB, kMiB, 64 * kMiB, CAPSTAN_FIELD(send.window_bytes)},
     "The same bound in bytes."},
    {"send", "commit_budget_bytes", kBytesUnit, Reload::kAtRestart,
     NumberOption{64 * kMiB, kMiB, 4 * kGiB, CAPSTAN_FIELD(send.commit_budget_bytes)},
     "What all connections together may have on its way to the disk. At least window_bytes."},

    {"memory", "resident_blocks_bytes", kBytesUnit, Reload::kAtRestart,
     NumberOption{64 * kMiB, kMiB, 64 * kGiB, CAPSTAN_FIELD(memory.resident_blocks_bytes)},
     "Recent envelopes kept in memory, so that agents that keep up cause no reads."},
    {"memory", "index_bytes_max", kBytesUnit, Reload::kAtRestart,
     NumberOption{256 * kMiB, kMiB, 64 * kGiB, CAPSTAN_FIELD(memory.index_bytes_max)},
     "What may say where waiting mail stands, some 5 bytes for each envelope of a backlog for many "
     "agents. Beyond it, sends to inboxes with a long backlog are refused with inbox_full until "
     "mail is acknowledged."},

    {"log", "level", "", Reload::kOnReload, LevelOption{LogLevel::kInfo, CAPSTAN_FIELD(log.level)},
     "What is logged: this level and those after it."},
};

#undef CAPSTAN_FIELD

}  // namespace

std::span<const Option> all_options() { return kOptions; }

}  // namespace capstan
