// Exactly-once in effect: what a receiver did, kept in one file with the ids that made it do so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/base/ids.h"
#include "capstan/base/result.h"

namespace capstan {

/// The hub delivers again what was not acknowledged. A receiver that writes the envelope's id and
/// its effect in one step, and acknowledges after it, knows such an envelope when it comes back:
/// the id stands in the file, or the effect did not happen.
///
/// Shape:  one line each, `ID EFFECT`: 32 hex digits, a blank, the effect with its line breaks as
///         `\n`, `\r`, and its backslashes as `\\`. 16 bytes of memory for each line.
/// Place:  belongs to one thread; the file belongs to one process at a time.
class EffectFile {
 public:
  /// Makes the file, or reads its ids back. A last line without its line break was never
  /// acknowledged, since add() had not returned: it is cut off.
  ///
  /// Errors: kIo. kLocked: another process has it open. kDamaged: a line does not begin with an id.
  [[nodiscard]] static Result<std::unique_ptr<EffectFile>> open(const std::string& path);
  ~EffectFile();
  EffectFile(const EffectFile&) = delete;
  EffectFile& operator=(const EffectFile&) = delete;

  /// Adds a line in one write; false, and nothing done, when the id stands there already. The line
  /// survives the end of the process. What has to survive power loss, too, waits for sync() before
  /// it is acknowledged.
  ///
  /// Errors: kIo: the effect is not in the file, and nothing must be acknowledged any more.
  [[nodiscard]] Result<bool> add(const EnvelopeId& id, std::string_view effect);

  /// Waits until all lines would survive power loss. Errors: kIo: nobody knows which ones do.
  [[nodiscard]] Status sync();

  [[nodiscard]] bool contains(const EnvelopeId& id) const;
  [[nodiscard]] std::size_t count() const { return ids_.size(); }

 private:
  explicit EffectFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Status open_and_lock();
  [[nodiscard]] Status read_back();
  [[nodiscard]] Status keep_id(std::string_view line);
  [[nodiscard]] Error last_error(const char* what) const;

  std::string path_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;      // Of whole lines.
  std::vector<EnvelopeId> ids_;  // Ascending; new ones nearly always go to the end.
  std::string line_;             // Of the last add(): its memory is used again.
};

}  // namespace capstan
