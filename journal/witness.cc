#include "witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "block_codec.h"
#include "capstan/base/check.h"
#include "capstan/base/cursor.h"

namespace capstan {

namespace {

constexpr std::string_view kMagic = "CAPSTANW";
constexpr std::uint64_t kVersion = 1;

class DiskWitness final : public WitnessFile {
 public:
  explicit DiskWitness(int fd) : fd_(fd) {}
  ~DiskWitness() override { ::close(fd_); }

  std::optional<Witness> read() override {
    WitnessImage image{};
    const ssize_t count = ::pread(fd_, image.data(), image.size(), 0);
    if (count != static_cast<ssize_t>(image.size())) return std::nullopt;
    return decode_witness(image);
  }

  void write(const Witness& witness) override {
    const WitnessImage image = encode_witness(witness);
    static_cast<void>(::pwrite(fd_, image.data(), image.size(), 0) == 0);
  }

 private:
  int fd_;
};

class EnvWitness final : public WitnessFile {
 public:
  EnvWitness(JournalEnv& env, std::string path) : env_(env), path_(std::move(path)) {}

  std::optional<Witness> read() override {
    std::string content;
    if (!leveldb::ReadFileToString(&env_, path_, &content).ok()) return std::nullopt;
    return decode_witness(as_bytes(content));
  }

  void write(const Witness& witness) override {
    const WitnessImage image = encode_witness(witness);
    const std::string_view content = as_text(image);
    const std::string fresh = path_ + ".new";
    if (!leveldb::WriteStringToFile(&env_, {content.data(), content.size()}, fresh).ok()) return;
    static_cast<void>(env_.RenameFile(fresh, path_).ok());
  }

 private:
  JournalEnv& env_;
  std::string path_;
};

}  // namespace

WitnessImage encode_witness(const Witness& witness) {
  ByteBuffer bytes;
  append(bytes, as_bytes(kMagic));
  append_u64_le(bytes, kVersion);
  append_u64_le(bytes, witness.commit.value);
  append_u64_le(bytes, witness.last.value);
  append_u64_le(bytes, witness.checksum);
  append_u64_le(bytes, witness.id_time_ceiling_ns);
  append_u64_le(bytes, 0);
  append_u64_le(bytes, checksum_of(bytes));
  CAPSTAN_CHECK(bytes.size() == kWitnessBytes);
  WitnessImage image{};
  std::memcpy(image.data(), bytes.data(), image.size());
  return image;
}

std::optional<Witness> decode_witness(Bytes bytes) {
  if (bytes.size() != kWitnessBytes || !as_text(bytes).starts_with(kMagic)) return std::nullopt;
  Cursor in(bytes.subspan(kMagic.size()));
  const std::uint64_t version = in.u64_le();
  Witness witness;
  witness.commit = CommitNumber{in.u64_le()};
  witness.last = Sequence{in.u64_le()};
  witness.checksum = in.u64_le();
  witness.id_time_ceiling_ns = in.u64_le();
  static_cast<void>(in.u64_le());
  if (in.u64_le() != checksum_of(bytes.first(kWitnessBytes - 8))) return std::nullopt;
  if (version != kVersion) return std::nullopt;
  return witness;
}

Result<std::unique_ptr<WitnessFile>> open_disk_witness(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return {ErrorCode::kIo, path + ": " + std::strerror(errno)};
  return std::unique_ptr<WitnessFile>(std::make_unique<DiskWitness>(fd));
}

std::unique_ptr<WitnessFile> make_env_witness(JournalEnv& env, const std::string& path) {
  return std::make_unique<EnvWitness>(env, path);
}

}  // namespace capstan
