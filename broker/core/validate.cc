// Stage 2: every envelope is checked against the compact form. Stateless.
#include "batch.h"
#include "capstan/codec/limits.h"

namespace capstan {

Validated validate(Ingested ingested) {
  for (BatchItem& item : ingested.batch().items) {
    if (item.error != ErrorCode::kOk || item.send.envelope.empty()) continue;
    if (item.send.envelope.size() > kEnvelopeBytesMax) {
      item.error = ErrorCode::kTooLarge;
    } else if (const auto envelope = parse_envelope(item.send.envelope)) {
      item.envelope = *envelope;
    } else {
      item.error = ErrorCode::kMalformedFrame;
    }
  }
  return Validated(ingested.batch());
}

}  // namespace capstan
