// One life of a hub on the real journal, on a disk in memory: alice posts, bob receives.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "capstan/codec/params.h"
#include "memory_env.h"
#include "recovery.h"

namespace capstan::broker_test {

inline constexpr ConnectionId kAlice{0, 1};
inline constexpr ConnectionId kBob{1, 1};

inline AdmittedKey key_of(const std::string& name) {
  AdmittedKey key;
  key.name = name;
  key.key.fill(static_cast<std::uint8_t>(name.front()));
  key.names = {name};
  return key;
}

/// One life of a hub on a journal: effects are carried out at once, each in its place.
class Life {
 public:
  /// A start that has to succeed.
  explicit Life(MemoryEnv& disk, std::uint64_t segment_bytes = 256 << 20) {
    const Status begun = begin(disk, segment_bytes);
    EXPECT_TRUE(begun.ok()) << begun.error().text();
  }
  /// begin() comes next.
  Life() = default;

  Status begin(MemoryEnv& disk, std::uint64_t segment_bytes) {
    JournalOptions options;
    options.directory = "/data";
    options.env = &disk;
    options.write_buffer_bytes = 1 << 20;
    auto opened = JournalStore::open(options);
    if (!opened) return opened.error();
    store = std::move(*opened);
    auto recovered = recover_state(*store);
    if (!recovered) return recovered.error();
    start = recovered->start;
    summary = recovered->summary;
    for (const StateRow& row : recovered->state.all_rows()) rows_found[row.key] = row.value;
    HubConfig config;
    config.segment_bytes_max = segment_bytes;
    config.checkpoint_interval_ms = 1000;
    config.cold_percent = cold_percent;
    Effects effects;
    hub = std::make_unique<Hub>(config, std::move(recovered->state), start, now, effects);
    carry_out(effects);
    tell({KeysChanged{{key_of("alice"), key_of("bob")}}});
    tell({PeerOpened{kAlice, key_of("alice"), false}, PeerOpened{kBob, key_of("bob"), false}});
    say(kAlice, Hello{1, 0, {}, "test"});
    say(kBob, Hello{1, 0, {}, "test"});
    return {};
  }

  void post(std::uint64_t first, std::uint64_t last, std::size_t bytes = 10) {
    say(kAlice, Attach{1, 1, "alice", AttachMode::kPost, {}, 0, 0, 7, first});
    for (std::uint64_t n = first; n <= last; ++n) {
      Envelope envelope;
      envelope.channel_id = mailbox_of(hub->state().find_agent("bob")->id);
      std::string text = std::to_string(n) + " ";
      text.resize(std::max(bytes, text.size()), 'x');
      envelope.event_data = encode_text_event(text);
      ByteBuffer encoded;
      encode_envelope(envelope, encoded);
      say(kAlice, SendView{1, n, encoded});
    }
  }
  /// The numbers that bob is sent, from the oldest unacknowledged on.
  std::vector<std::uint64_t> receive() {
    heard.clear();
    mail.clear();
    gap_notices.clear();
    say(kBob, Attach{1, 1, "bob", AttachMode::kReceive, {}, 1'000'000, 1 << 30, 0, 1});
    return heard;
  }
  void acknowledge_up_to(std::uint64_t delivery) {
    say(kBob, Receipt{1, ReceiptKind::kAckUpTo, delivery, {}, 0});
    pass_ms(60);
  }
  void pass_ms(std::uint64_t ms) {
    now.monotonic_ns += ms * kNsPerMs;
    now.wall_ns += ms * kNsPerMs;
    tell({Tick{}});
  }
  /// Rows of the state as it is now.
  [[nodiscard]] std::map<std::string, std::string> rows() const {
    std::map<std::string, std::string> rows;
    for (const StateRow& row : hub->state().all_rows()) rows[row.key] = row.value;
    return rows;
  }

  Time now{1'000 * kNsPerSecond, 1'700'000'000 * kNsPerSecond};
  std::unique_ptr<JournalStore> store;
  std::unique_ptr<Hub> hub;
  HubStart start;
  RecoverySummary summary;
  std::map<std::string, std::string> rows_found;
  std::vector<std::uint64_t> heard;
  std::vector<std::pair<EnvelopeId, std::string>> mail;  ///< The same, whole.
  std::vector<Gap> gap_notices;                          ///< What bob is told of beside it.
  std::uint64_t accepted = 0;
  std::uint64_t cold_percent = 0;  ///< Said before begin().
  bool drops_are_left_undone = false;
  std::size_t drops = 0;
  std::size_t cold_parts = 0;

 private:
  template <typename Frame>
  void say(ConnectionId from, const Frame& frame) {
    BodyWriter body;
    body.write(frame);
    const ByteBuffer bytes = body.take();
    tell({FramesArrived{from, bytes}});
  }
  void tell(const std::vector<Event>& events) {
    Effects effects;
    hub->handle(now, events, effects);
    carry_out(effects);
  }
  void carry_out(Effects& effects) {
    std::vector<Event> answers;
    for (Effect& effect : effects) {
      if (auto* write = std::get_if<WriteCommit>(&effect)) {
        EXPECT_TRUE(store->commit(write->commit).ok());
        answers.push_back(Committed{write->commit.number});
      } else if (auto* checkpoint = std::get_if<WriteCheckpoint>(&effect)) {
        EXPECT_TRUE(store->write_checkpoint(checkpoint->checkpoint).ok());
        answers.push_back(CheckpointDone{checkpoint->checkpoint.applied, std::nullopt});
      } else if (auto* read = std::get_if<ReadBlocks>(&effect)) {
        auto blocks = store->read(read->bases);
        if (blocks) {
          answers.push_back(ReadDone{read->read, *std::move(blocks), std::nullopt, std::nullopt});
        } else {
          const auto lost =
              read->bases.size() == 1 ? store->lost_at(read->bases.front()) : std::nullopt;
          answers.push_back(ReadDone{read->read, {}, blocks.error(), lost});
        }
      } else if (auto* drop = std::get_if<DropSegment>(&effect)) {
        ++drops;
        if (drops_are_left_undone) continue;
        const Keep keep = drop->keeps_cold ? Keep::kCold : Keep::kNothing;
        EXPECT_TRUE(store->drop_segment(drop->first, keep).ok());
        answers.push_back(SegmentDropped{drop->first, std::nullopt, drop->keeps_cold});
      } else if (auto* cold = std::get_if<StoreCold>(&effect)) {
        EXPECT_TRUE(store->store_cold(cold->part).ok());
        ++cold_parts;
        answers.push_back(ColdPartStored{cold->part.segment, std::nullopt});
      } else if (auto* send = std::get_if<SendBody>(&effect)) {
        listen(send->body);
      }
    }
    if (!answers.empty()) tell(answers);
  }
  void listen(const ByteBuffer& body) {
    FrameRow row(body);
    while (const auto frame = row.next()) {
      if (const auto accept = decode_accept(*frame)) accepted += accept->count;
      if (const auto notify = decode_notify(*frame)) {
        const auto envelope = decode_envelope(notify->envelope);
        ASSERT_TRUE(envelope.ok());
        if (envelope->event_type == "capstan.gap") {
          const auto data = decode_params(envelope->event_data);
          ASSERT_TRUE(data.ok());
          gap_notices.push_back({Sequence{data->number("first_sequence").value_or(0)},
                                 Sequence{data->number("last_sequence").value_or(0)}});
          continue;
        }
        mail.emplace_back(envelope->envelope_id, *decode_text_event(envelope->event_data));
        heard.push_back(std::stoull(mail.back().second));
      }
    }
  }
};

}  // namespace capstan::broker_test
