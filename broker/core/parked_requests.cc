// Requests that wait for a block: each is a value beside its read, and delays nobody else.

#include "operation.h"

namespace capstan {

namespace {

/// These reads come on top of those of deliveries, which must not wait for curious operators.
constexpr std::size_t kParkedRequestsMax = 16;

Error not_on_disk(Sequence record) {
  return {ErrorCode::kNotFound,
          "record " + std::to_string(record.value) + " does not stand on disk any more"};
}

Error lost_with_disk(Sequence record) {
  return {ErrorCode::kDamaged,
          "record " + std::to_string(record.value) + " was lost with a damaged part of the disk"};
}

Result<ParamMap> resume(Core& core, const ParkedRequest& parked, const Block& block) {
  RecordReader reader(block);
  while (const auto record = reader.next()) {
    if (record->sequence == parked.record) return parked.resume(core, parked, *record, block.base);
  }
  return not_on_disk(parked.record);
}

Result<ParamMap> resume(Core& core, const ParkedRequest& parked, const ReadDone& done) {
  if (core.stopping) return {ErrorCode::kHubStopping, "the hub is stopping; ask again later"};
  if (done.error && done.error->code == ErrorCode::kNotFound) return not_on_disk(parked.record);
  if (done.error) return *done.error;
  return resume(core, parked, *done.blocks.front());
}

}  // namespace

Answer with_record(Core& core, ParkedRequest parked, Sequence block) {
  if (parked.record > core.committed) return not_on_disk(parked.record);
  if (core.state.is_lost(parked.record)) return lost_with_disk(parked.record);
  if (const SharedBlock resident = core.cache.find(block)) {
    // A search for one record passes over those before it.
    if (Connection* connection = core.find_connection(parked.connection)) {
      core.charge(*connection, resident->records.size());
    }
    return resume(core, parked, *resident);
  }
  if (core.parked.size() >= kParkedRequestsMax) {
    return Error{ErrorCode::kUnavailable, "too many requests wait for the disk; ask again"};
  }
  core.parked.emplace(core.next_read, parked);
  request_blocks(core, parked.agent, ReadPurpose::kRequest, {parked.record});
  return std::nullopt;
}

void take_request_read(Core& core, const ReadDone& done) {
  const auto at = core.parked.find(done.id);
  const ParkedRequest parked = at->second;
  core.parked.erase(at);
  // Nobody hears the answer any more: then nothing is done, either.
  Connection* connection = core.find_connection(parked.connection);
  if (connection == nullptr) return;
  answer_request(core, *connection, parked.request_id, resume(core, parked, done));
}

}  // namespace capstan
