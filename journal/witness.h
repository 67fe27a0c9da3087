// The tail witness: how far the journal had come, told by a file that LevelDB does not know. A WAL
// that ends before it has lost something.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "capstan/base/ids.h"
#include "capstan/base/result.h"
#include "env.h"

namespace capstan {

/// Source: FORMAT.md §6.
struct Witness {
  CommitNumber commit;
  Sequence last;
  std::uint64_t checksum = 0;  ///< Of the last block.
  std::uint64_t id_time_ceiling_ns = 0;

  auto operator<=>(const Witness&) const = default;
};

inline constexpr std::size_t kWitnessBytes = 64;
using WitnessImage = std::array<std::uint8_t, kWitnessBytes>;

[[nodiscard]] WitnessImage encode_witness(const Witness& witness);
/// Empty when the bytes are not a whole witness: an unsynced file may have any content after a
/// power cut.
[[nodiscard]] std::optional<Witness> decode_witness(Bytes bytes);

/// Where the witness is kept. Never synced: after a power cut it may be older than the WAL, or
/// gone.
class WitnessFile {
 public:
  virtual ~WitnessFile() = default;
  [[nodiscard]] virtual std::optional<Witness> read() = 0;
  /// Called after the sync of a commit. A failure leaves the older one, which is allowed.
  virtual void write(const Witness& witness) = 0;
};

/// One pwrite() of 64 bytes over the old content. Errors: kIo.
[[nodiscard]] Result<std::unique_ptr<WitnessFile>> open_disk_witness(const std::string& path);

/// For an Env, which cannot overwrite in place: a new file, renamed over the old one.
[[nodiscard]] std::unique_ptr<WitnessFile> make_env_witness(JournalEnv& env,
                                                            const std::string& path);

}  // namespace capstan
