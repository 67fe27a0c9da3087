#include "roles.h"

#include <charconv>
#include <cstdio>
#include <iostream>
#include <vector>

#include "capstan/client/hub_client.h"
#include "capstan/security/key_file.h"
#include "capstan/security/layout.h"
#include "config/run_folder.h"

namespace capstan::demo {

namespace {

constexpr std::uint64_t kReportEvery = 10'000;
/// Long enough for any restart; a receiver that hears nothing for so long has lost something.
constexpr int kSilenceMs = 30'000;

int fail(const char* role, const Error& error) {
  std::cerr << role << ": " << error.text() << '\n';
  return 1;
}

Result<std::unique_ptr<HubClient>> connect(const Layout& layout, const char* name) {
  auto endpoint = read_endpoint(layout);
  if (!endpoint) return endpoint.error();
  auto key = load_key_file(layout.agent_key(name));
  if (!key) return key.error();
  auto hub_key = load_public_key_file(layout.hub_public_key());
  if (!hub_key) return hub_key.error();
  HubClientOptions options;
  options.endpoint = *endpoint;
  options.hub_key = *hub_key;
  options.keys = KeyPair{key->public_key, std::move(key->secret_key)};
  auto client = HubClient::open(std::move(options));
  if (!client) return client.error();
  if (Status ready = (*client)->wait_ready(); !ready) return ready.error();
  return client;
}

/// The number in decimal, filled up with blanks.
std::string payload(std::uint64_t number) {
  std::string text = std::to_string(number);
  text.resize(kPayloadBytes, ' ');
  return text;
}

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Compares what comes with what was sent: 1 … count, each once, in order.
class Audit {
 public:
  explicit Audit(std::uint64_t count) : seen_(count + 1) {}

  void take(std::uint64_t number) {
    if (number == 0 || number >= seen_.size()) {
      ++foreign_;
      return;
    }
    if (seen_[number]) {
      ++duplicated_;
      return;
    }
    seen_[number] = true;
    ++distinct_;
    if (number < highest_) ++out_of_order_;
    highest_ = std::max(highest_, number);
  }

  [[nodiscard]] std::uint64_t distinct() const { return distinct_; }
  [[nodiscard]] bool complete() const { return distinct_ + 1 == seen_.size(); }
  [[nodiscard]] bool clean() const {
    return complete() && duplicated_ == 0 && out_of_order_ == 0 && foreign_ == 0;
  }
  void print() const {
    if (foreign_ > 0) std::printf("envelopes that nobody sent: %lu\n", foreign_);
    std::printf("lost %lu, duplicated %lu, out of order %lu\n", seen_.size() - 1 - distinct_,
                duplicated_, out_of_order_);
    std::fflush(stdout);
  }

 private:
  std::vector<bool> seen_;
  std::uint64_t distinct_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t out_of_order_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t highest_ = 0;
};

}  // namespace

int run_sender(const std::string& directory, std::uint64_t count) {
  auto client = connect(Layout{directory}, kSenderName);
  if (!client) return fail("sender", client.error());
  AgentOptions options;
  options.name = kSenderName;
  auto agent = (*client)->attach(std::move(options));
  if (!agent) return fail("sender", agent.error());
  for (std::uint64_t number = 1; number <= count; ++number) {
    const auto sent = (*agent)->send_text(kReceiverName, payload(number));
    if (!sent) return fail("sender", sent.error());
  }
  if (Status drained = (*agent)->drain(-1); !drained) return fail("sender", drained.error());
  std::printf("accepted %lu\n", (*agent)->accepted_count());
  return (*agent)->accepted_count() == count ? 0 : 1;
}

int run_receiver(const std::string& directory, std::uint64_t count) {
  auto client = connect(Layout{directory}, kReceiverName);
  if (!client) return fail("receiver", client.error());
  AgentOptions options;
  options.name = kReceiverName;
  options.mode = AttachMode::kReceive;
  auto agent = (*client)->attach(std::move(options));
  if (!agent) return fail("receiver", agent.error());
  Audit audit(count);
  std::uint64_t next_report = kReportEvery;
  while (!audit.complete()) {
    const auto batch = (*agent)->receive_batch(1024, kSilenceMs);
    if (!batch) return fail("receiver", batch.error());
    if (batch->empty()) break;
    for (const Delivery& delivery : *batch) {
      const auto text = delivery.text();
      audit.take(text ? number_in(*text) : 0);
    }
    (*agent)->acknowledge_up_to(batch->back().number);
    while (audit.distinct() >= next_report) {
      std::printf("at %lu\n", next_report);
      std::fflush(stdout);
      next_report += kReportEvery;
    }
  }
  if (Status drained = (*agent)->drain(kSilenceMs); !drained) {
    return fail("receiver", drained.error());
  }
  audit.print();
  return audit.clean() ? 0 : 1;
}

}  // namespace capstan::demo
