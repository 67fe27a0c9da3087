// A stretch of frames on its way through the stages. Each stage returns the same batch under a
// stronger type, and only the stage before can make a stage's input: no stage can be skipped.
#pragma once

#include <vector>

#include "capstan/base/bytes.h"
#include "capstan/codec/compact.h"
#include "capstan/codec/envelope.h"
#include "core.h"

namespace capstan {

/// One frame. Its bytes stay in the body part; a refused item is marked and skipped from then on.
struct BatchItem {
  std::uint8_t type = 0;  ///< As on the wire: may be of no frame that we know.
  Bytes frame;
  SendView send;
  EnvelopeView envelope;  ///< After validate(), when `send.envelope` is not empty.
  Receipt receipt;
  Session* session = nullptr;  ///< After authorize().
  ErrorCode error = ErrorCode::kOk;
};

/// A stretch of a body part: of the smallest frames two million make one, and an item is a hundred
/// times as large as such a frame.
inline constexpr std::size_t kFramesPerBatchMax = 1024;

struct Batch {
  Connection* connection = nullptr;
  std::vector<BatchItem> items;  ///< Empty: the row is at its end.
};

/// Frames are split and the fast path's fields are read.
class Ingested {
 public:
  [[nodiscard]] Batch& batch() const { return *batch_; }

 private:
  friend Ingested ingest(Connection&, FrameRow&, Batch&);
  explicit Ingested(Batch& batch) : batch_(&batch) {}
  Batch* batch_;
};

/// Every envelope has the compact form, within the limits.
class Validated {
 public:
  [[nodiscard]] Batch& batch() const { return *batch_; }

 private:
  friend Validated validate(Ingested);
  explicit Validated(Batch& batch) : batch_(&batch) {}
  Batch* batch_;
};

/// The sends of [begin, end) speak for a session of this connection, as its own agent.
class Authorized {
 public:
  [[nodiscard]] std::size_t begin() const { return begin_; }
  [[nodiscard]] std::size_t end() const { return end_; }
  [[nodiscard]] BatchItem& operator[](std::size_t i) const { return batch_->items[i]; }
  [[nodiscard]] Connection& connection() const { return *batch_->connection; }

 private:
  friend Authorized authorize(Core&, Validated, std::size_t);
  Authorized(Batch& batch, std::size_t begin, std::size_t end)
      : batch_(&batch), begin_(begin), end_(end) {}
  Batch* batch_;
  std::size_t begin_;
  std::size_t end_;
};

/// One envelope whose channel exists; a skip has no mailbox.
class Routed {
 public:
  [[nodiscard]] BatchItem& item() const { return *item_; }
  [[nodiscard]] Mailbox* mailbox() const { return mailbox_; }
  [[nodiscard]] const ChannelId& channel() const { return channel_; }
  [[nodiscard]] Durability durability() const { return durability_; }

 private:
  friend std::optional<Routed> route(Core&, const Authorized&, std::size_t);
  Routed(BatchItem& item, Mailbox* mailbox, const ChannelId& channel, Durability durability)
      : item_(&item), mailbox_(mailbox), channel_(channel), durability_(durability) {}
  BatchItem* item_;
  Mailbox* mailbox_;
  ChannelId channel_;
  Durability durability_;
};

/// One envelope that has its turn, and its place or its receiver: nothing refuses it any more.
class Admitted {
 public:
  [[nodiscard]] BatchItem& item() const { return routed_.item(); }
  [[nodiscard]] Mailbox* mailbox() const { return routed_.mailbox(); }
  [[nodiscard]] const ChannelId& channel() const { return routed_.channel(); }
  [[nodiscard]] Durability durability() const { return routed_.durability(); }
  /// Who gets it now, when it is not stored; else null.
  [[nodiscard]] Session* receiver() const { return receiver_; }

 private:
  friend std::optional<Admitted> admit(Core&, const Routed&);
  Admitted(const Routed& routed, Session* receiver) : routed_(routed), receiver_(receiver) {}
  Routed routed_;
  Session* receiver_;
};

/// The next frames of the row, up to kFramesPerBatchMax.
[[nodiscard]] Ingested ingest(Connection& connection, FrameRow& row, Batch& scratch);
[[nodiscard]] Validated validate(Ingested ingested);
/// The stretch of sends that begins at item `begin`.
[[nodiscard]] Authorized authorize(Core& core, Validated validated, std::size_t begin);
/// Empty when the item is refused already, or its channel does not exist: then it is answered.
[[nodiscard]] std::optional<Routed> route(Core& core, const Authorized& authorized, std::size_t i);
/// Empty when refused, or when the number is settled and only answered again.
[[nodiscard]] std::optional<Admitted> admit(Core& core, const Routed& routed);
/// Answers a number that is settled with its old id; false when it is not settled.
[[nodiscard]] bool accept_if_settled(Core& core, const BatchItem& item);
/// Folds the envelope and puts its record into the commit in the making; or passes it on.
void commit(Core& core, const Admitted& admitted);

/// Marks a send as refused, keeps its number open, and answers with a typed error.
void refuse(Core& core, Connection& connection, BatchItem& item, ErrorCode code,
            std::string message);

}  // namespace capstan
