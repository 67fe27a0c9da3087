// What becomes of the mail of a removed agent. PROTOCOL.md §6.15.
#include "removal_world.h"

namespace capstan::core_test {
namespace {

using Texts = std::vector<std::string>;

/// Nothing stays in memory: every block has to be read.
HubConfig forgetful() {
  HubConfig hub = failing_config(5);
  hub.resident_blocks_bytes = 1;
  return hub;
}

/// `count` blocks with an envelope each.
struct Blocks : RemovalWorld {
  explicit Blocks(int count, const HubConfig& hub = forgetful(), std::size_t bytes = 10)
      : RemovalWorld(0, hub) {
    for (int i = 1; i <= count; ++i) {
      world.send(alice, static_cast<std::uint64_t>(i), "bob", std::string(bytes, 'x'));
      world.commit();
      ids.push_back(alice.take_one<Accept>().first_id);
    }
  }
  [[nodiscard]] bool buried() const { return world.audited("agent_buried"); }
};

TEST(Burial, WaitingMailBecomesDeadLettersAndItsSenderIsTold) {
  RemovalWorld mail(3);
  const AgentId bob = mail.world.id("bob");
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), mail.sent());
  const auto letters = mail.letters();
  ASSERT_EQ(letters.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(letters[i].text("reason"), "agent removed");
    EXPECT_EQ(letters[i].text("agent"), "bob");
    EXPECT_EQ(letters[i].flag("removed"), true);
    EXPECT_EQ(letters[i].text("sender"), "alice");
    EXPECT_EQ(letters[i].number("attempts"), 0U);
    EXPECT_EQ(*letters[i].bytes("envelope_id"),
              ByteBuffer(mail.ids[i].bytes.begin(), mail.ids[i].bytes.end()));
  }
  EXPECT_EQ(mail.world.state().mailboxes().count(mailbox_of(bob)), 0U);
  EXPECT_EQ(mail.get("trace", ParamMap().set("envelope_id", *letters[0].bytes("envelope_id")))
                .text("state"),
            "dead");
}

TEST(Burial, LettersOfARemovedAgentAreNamedByItsIdAndDroppedWithItsLastRow) {
  RemovalWorld mail(2);
  const AgentId bob = mail.world.id("bob");
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.ask("dead_list", name_is("bob")).code, ErrorCode::kNotFound);
  const ParamMap by_id = mail.get("dead_list", name_is(bob.hex()));
  ASSERT_EQ(by_id.maps("letters")->size(), 2U);
  const std::uint64_t record = *by_id.maps("letters")->front().number("record");
  EXPECT_EQ(mail.ask("dead_resend", name_is(bob.hex()).set("record", record)).code,
            ErrorCode::kNotFound);
  ASSERT_NE(mail.world.state().find_retired(bob), nullptr);
  EXPECT_EQ(mail.get("dead_drop", name_is(bob.hex()).set("all", true)).number("dropped"), 2U);
  EXPECT_EQ(mail.world.state().find_retired(bob), nullptr);
}

TEST(Burial, FailedAttemptsAreKept) {
  RemovalWorld mail(1);
  mail.nack(mail.bob(), 1, "busy", 60'000);
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.letters().at(0).number("attempts"), 1U);
}

TEST(Burial, MailOfEveryPriorityIsBuriedInTheOrderOfArrival) {
  RemovalWorld mail(0);
  std::uint64_t number = 0;
  for (const Priority priority : {Priority::kBackground, Priority::kUrgent, Priority::kNormal}) {
    Envelope envelope = mail.world.envelope("bob", "text");
    envelope.priority = priority;
    mail.world.send(mail.alice, ++number, envelope);
    mail.world.commit();
    mail.ids.push_back(mail.alice.take_one<Accept>().first_id);
  }
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(Burial, MailThatIsNotInMemoryIsReadBlockByBlock) {
  Blocks mail(3);
  mail.remove();
  std::size_t most = 0;
  while (!mail.buried()) {
    most = std::max(most, mail.world.reads.size());
    mail.world.answer_reads();
    mail.world.commit();
    if (mail.world.reads.empty()) mail.world.pass_ms(1);
  }
  EXPECT_EQ(most, 1U);
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(Burial, AReadThatFailsIsRepeatedALittleLater) {
  Blocks mail(2);
  mail.remove();
  ASSERT_EQ(mail.world.reads.size(), 1U);
  mail.world.fail_read(ErrorCode::kIo);
  EXPECT_TRUE(mail.world.reads.empty());
  EXPECT_LE(mail.world.wake_at_ns, mail.world.now.monotonic_ns + 200 * kNsPerMs);
  mail.world.pass_ms(200);
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(Burial, ADamagedBlockIsAGapAndTheRestIsBuried) {
  Blocks mail(3);
  mail.remove();
  mail.world.fail_read(ErrorCode::kDamaged);
  mail.world.settle_all();
  EXPECT_EQ(mail.world.state().gaps().size(), 1U);
  EXPECT_EQ(mail.told(), (Texts{mail.sent()[1], mail.sent()[2]}));
  EXPECT_TRUE(mail.buried());
}

TEST(Burial, ARestartGoesOnWhereItWas) {
  Blocks mail(9, forgetful(), 300'000);
  const AgentId bob = mail.world.id("bob");
  mail.remove();
  mail.world.answer_reads();
  mail.world.commit();
  ASSERT_NE(mail.world.state().find_dead(bob), nullptr);
  EXPECT_EQ(mail.world.state().find_dead(bob)->size(), 4U) << "the rest waits for its turn";
  mail.world.restart();
  ASSERT_NE(mail.world.state().find_retired(bob), nullptr);
  mail.world.settle_all();
  const auto* letters = mail.world.state().find_dead(bob);
  ASSERT_NE(letters, nullptr);
  ASSERT_EQ(letters->size(), 9U);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ((*letters)[i].id, mail.ids[i]);
  EXPECT_EQ(mail.world.state().mailboxes().count(mailbox_of(bob)), 0U);
}

TEST(Burial, NothingIsLostByACrashAfterAnyCommit) {
  constexpr int kCount = 9;
  for (std::size_t commits = 0; commits < 6; ++commits) {
    Blocks mail(kCount, forgetful(), 300'000);
    const AgentId bob = mail.world.id("bob");
    mail.ask_removal();
    mail.world.tell(RemovalWorld::withdrawn());
    mail.world.answer_reads();
    for (std::size_t i = 0; i < commits && !mail.world.commits.empty(); ++i) {
      mail.world.commit_one();
      mail.world.answer_reads();
    }
    mail.world.restart();
    mail.world.tell(RemovalWorld::withdrawn());  // The note is still there.
    mail.world.settle_all();
    const auto* letters = mail.world.state().find_dead(bob);
    ASSERT_NE(letters, nullptr) << commits;
    EXPECT_EQ(letters->size(), std::size_t{kCount}) << commits;
    EXPECT_EQ(mail.world.pending("alice"), std::size_t{kCount})
        << commits << ": one notice for each block";
  }
}

TEST(Burial, ItWaitsWhileTheDiskIsFull) {
  RemovalWorld mail(2);
  mail.world.tell(DiskSpace{DiskState::kFull, 1});
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.world.count_records(RecordType::kDead), 0U);
  mail.world.tell(DiskSpace{DiskState::kOk, 1'000'000});
  mail.world.settle_all();
  EXPECT_EQ(mail.told(), mail.sent());
}

TEST(Burial, OneCommitTakesAMebibyteAndTheLastBlock) {
  Blocks mail(12, failing_config(5), 300'000);
  mail.ask_removal();
  mail.world.tell(RemovalWorld::withdrawn());
  std::size_t before = mail.world.count_records(RecordType::kDead);
  EXPECT_LE(before, 4U);
  std::size_t commits = 0;
  while (!mail.world.commits.empty()) {
    mail.world.commit_one();
    const std::size_t now = mail.world.count_records(RecordType::kDead);
    EXPECT_LE(now - before, 4U);
    before = now;
    ++commits;
  }
  EXPECT_EQ(before, 12U);
  EXPECT_GE(commits, 3U);
}

TEST(Burial, OfTooManyTheNewestBecomeLettersAndAllAreToldOf) {
  constexpr std::size_t kTooMany = 3;
  RemovalWorld mail(0);
  const AgentId bob = mail.world.id("bob");
  const ByteBuffer bytes = mail.world.envelope_bytes("bob", "x");
  std::vector<EnvelopeId> sent;
  for (std::uint64_t n = 1; n <= kDeadLettersPerAgentMax + kTooMany; ++n) {
    mail.world.say(mail.alice, SendView{1, n, bytes});
    if (n % 10'000 == 0) mail.world.commit();
  }
  mail.world.commit();
  for (const Accept& accept : mail.alice.take<Accept>()) {
    for (std::uint64_t i = 0; i < accept.count; ++i) sent.push_back(accept.first_id.plus(i));
  }
  mail.remove();
  mail.world.settle_all();
  EXPECT_EQ(mail.world.count_records(RecordType::kDead), kDeadLettersPerAgentMax);
  const auto* letters = mail.world.state().find_dead(bob);
  ASSERT_NE(letters, nullptr);
  EXPECT_EQ(letters->size(), kDeadLettersPerAgentMax);
  EXPECT_EQ(letters->front().id, sent[kTooMany]);
  EXPECT_EQ(mail.told().size(), sent.size());
}

}  // namespace
}  // namespace capstan::core_test
