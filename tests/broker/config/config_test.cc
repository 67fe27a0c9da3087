#include "config/config.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "capstan/codec/limits.h"
#include "config/endpoint.h"
#include "config/options.h"
#include "config/suggest.h"
#include "temporary_folder.h"

namespace capstan {
namespace {

constexpr std::string_view kFile = "capstan.toml";

std::string problems_of(std::string_view text) {
  const auto config = parse_config(text, kFile);
  if (config.ok()) return "";
  EXPECT_EQ(config.error().code, ErrorCode::kBadConfig);
  return config.error().context;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// A file with this one option, and the one that says that it counts.
std::string file_with(const Option& option, std::string_view value) {
  std::string text;
  text.append("[").append(option.section).append("]\n");
  text.append(option.name).append(" = ").append(value).append("\n");
  if (option.section == "retention" && option.name != "kind") {
    text.append("kind = '").append(option.name.substr(0, option.name.find('_'))).append("'\n");
  }
  return text;
}

TEST(Config, AnUnknownKeyIsRefusedWithItsPlaceAndASuggestion) {
  EXPECT_EQ(problems_of("[listen]\nendpiont = 'x'\n"),
            "capstan.toml:2:1: unknown key 'endpiont' in [listen]; did you mean 'endpoint'?");
  EXPECT_EQ(problems_of("\n[lisen]\nendpoint = 'x'\n"),
            "capstan.toml:2:2: unknown section [lisen]; did you mean 'listen'?");
  EXPECT_EQ(problems_of("[log]\n  qwertyuiop = 1\n"),
            "capstan.toml:2:3: unknown key 'qwertyuiop' in [log]");
  EXPECT_EQ(problems_of("curve = true\n"), "capstan.toml:1:1: 'curve' belongs under [security]");
  EXPECT_EQ(problems_of("joural = 1\n"),
            "capstan.toml:1:1: unknown key 'joural'; did you mean 'journal'?");
  EXPECT_EQ(problems_of("listen = 3\n"), "capstan.toml:1:1: 'listen' is a section: write [listen]");
}

TEST(Config, AnEmptyTextIsToldAsSuch) {
  EXPECT_EQ(problems_of("[journal]\ndirectory = ''\n"),
            "capstan.toml:2:13: 'directory' must not be empty: it is text between quotes");
}

TEST(Config, AllProblemsAreToldAtOnceInTheOrderOfTheFile) {
  const std::string told = problems_of(
      "[security]\ncurve = 'yes'\n"
      "[listen]\nendpoint = 'http://x'\n"
      "[send]\nwindow_envelopes = 63\nwindow_bytes = '4 MB'\n"
      "[log]\nlevel = 'loud'\n"
      "[colour]\nred = 1\n");
  const auto lines = lines_of(told);
  ASSERT_EQ(lines.size(), 6U) << told;
  EXPECT_EQ(lines[0], "capstan.toml:2:9: 'curve' must be true or false");
  EXPECT_EQ(lines[1].rfind("capstan.toml:4:12: an endpoint is", 0), 0U);
  EXPECT_EQ(lines[2], "capstan.toml:6:20: 'window_envelopes' must be 64 to 32_768 envelopes");
  EXPECT_EQ(lines[3],
            "capstan.toml:7:16: 'window_bytes' must be 1 MiB to 64 MiB, also as a plain number of "
            "bytes");
  EXPECT_EQ(lines[4], "capstan.toml:9:9: 'level' must be one of trace, debug, info, warn, error");
  EXPECT_EQ(lines[5], "capstan.toml:10:2: unknown section [colour]");
}

TEST(Config, BrokenTomlIsToldWithItsPlace) {
  EXPECT_EQ(problems_of("[listen]\nendpoint = \n").rfind("capstan.toml:2:", 0), 0U);
  EXPECT_NE(problems_of("[listen]\n[listen]\n"), "");
  EXPECT_NE(problems_of("[log]\nlevel = 'info'\nlevel = 'info'\n"), "");
}

TEST(Config, EveryOptionRefusesEveryWrongType) {
  for (const Option& option : all_options()) {
    for (const std::string_view value :
         {"1.5", "[]", "['a']", "{a = 1}", "2026-01-01", "''", "-1", "'-1 MiB'", "'1 MiB '"}) {
      // Any text that is not empty is a directory.
      if (option.name == "directory" && value.starts_with("'") && value != "''") continue;
      EXPECT_NE(problems_of(file_with(option, value)), "") << option.name << " = " << value;
    }
  }
}

TEST(Config, EveryNumberTakesItsBoundsAndNothingBeyond) {
  for (const Option& option : all_options()) {
    const auto* const number = std::get_if<NumberOption>(&option.kind);
    if (number == nullptr) continue;
    const std::string refusal = "'" + std::string(option.name) + "' must be ";
    const auto is_out_of_bounds = [&](std::uint64_t value) {
      const std::string told = problems_of(file_with(option, std::to_string(value)));
      // Bounds begin with a number; a broken relation to another option's default does not.
      const std::size_t at = told.find(refusal);
      return at != std::string::npos && told[at + refusal.size()] >= '0' &&
             told[at + refusal.size()] <= '9';
    };
    EXPECT_TRUE(number->least <= number->value && number->value <= number->most) << option.name;
    EXPECT_TRUE(number->least == 0 || is_out_of_bounds(number->least - 1)) << option.name;
    EXPECT_FALSE(is_out_of_bounds(number->least)) << option.name;
    EXPECT_FALSE(is_out_of_bounds(number->most)) << option.name;
    EXPECT_TRUE(is_out_of_bounds(number->most + 1)) << option.name;
  }
}

// A bound below one envelope would refuse it for ever, and call that "later".
TEST(Config, EveryBoundThatIsAllowedHasRoomForTheLargestEnvelope) {
  for (const std::string_view name :
       {"inbox_bytes_max", "window_bytes", "commit_budget_bytes", "segment_bytes_max"}) {
    const auto options = all_options();
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const Option& known) { return known.name == name; });
    ASSERT_NE(option, options.end()) << name;
    EXPECT_GE(std::get<NumberOption>(option->kind).least, kEnvelopeBytesMax) << name;
  }
  const std::string told = problems_of("[delivery]\ninbox_bytes_max = '1023 KiB'\n");
  EXPECT_EQ(told.rfind("capstan.toml:2:19: 'inbox_bytes_max' must be 1 MiB to 1 TiB", 0), 0U);
}

TEST(Config, SizesMayBeWrittenWithTheirUnit) {
  const auto size_of = [](std::string_view text) -> std::uint64_t {
    const auto config =
        parse_config("[journal]\nsegment_bytes_max = " + std::string(text) + "\n", kFile);
    return config.ok() ? config->journal.segment_bytes_max : 0;
  };
  EXPECT_EQ(size_of("1048576"), 1048576U);
  EXPECT_EQ(size_of("'2 MiB'"), 2U << 20U);
  EXPECT_EQ(size_of("'2MiB'"), 2U << 20U);
  EXPECT_EQ(size_of("'1024 KiB'"), 1U << 20U);
  EXPECT_EQ(size_of("'1 GiB'"), 1U << 30U);
  for (const std::string_view wrong :
       {"'2  MiB'", "'MiB'", "' 2 MiB'", "'2 mib'", "'2'", "'2 MB'", "'0x2 MiB'", "'+2 MiB'",
        "'18446744073709551615 GiB'", "'99999999999999999999 MiB'", "'17592186044417 MiB'"}) {
    EXPECT_EQ(size_of(wrong), 0U) << wrong;
  }
}

TEST(Config, WithoutCurveOnlyThisMachineMayConnect) {
  const auto problems = [](std::string_view endpoint, std::string_view more = "") {
    return problems_of("[listen]\nendpoint = '" + std::string(endpoint) +
                       "'\n[security]\ncurve = false\n" + std::string(more));
  };
  for (const std::string_view open :
       {"tcp://*:7450", "tcp://0.0.0.0:7450", "tcp://10.0.0.1:7450", "tcp://[::]:7450",
        "tcp://[::2]:7450", "tcp://128.0.0.1:7450", "tcp://127.0.0.1.example.com:7450",
        "tcp://127.1:7450", "tcp://eth0:7450", "tcp://localhost.example.com:7450",
        "tcp://0127.0.0.1:7450", "tcp://[::ffff:10.0.0.1]:7450"}) {
    EXPECT_EQ(problems(open).rfind("capstan.toml:4:9: without curve anybody", 0), 0U) << open;
    EXPECT_EQ(problems(open, "insecure = true\n"), "") << open;
  }
  for (const std::string_view local :
       {"tcp://127.0.0.1:7450", "tcp://127.255.255.254:1", "tcp://[::1]:7450",
        "tcp://localhost:7450", "ipc:///run/capstan/hub"}) {
    EXPECT_EQ(problems(local), "") << local;
  }
  EXPECT_EQ(problems_of("[listen]\nendpoint = 'tcp://*:7450'\n"), "");
}

TEST(Config, OptionsThatContradictEachOtherAreRefused) {
  EXPECT_NE(problems_of("[delivery]\nlease_ms = 3999\n"), "");
  EXPECT_EQ(problems_of("[delivery]\nlease_ms = 4000\n"), "");
  EXPECT_NE(problems_of("[send]\ncommit_budget_bytes = '15 MiB'\n"), "");
  EXPECT_EQ(problems_of("[send]\ncommit_budget_bytes = '16 MiB'\n"), "");
}

TEST(Config, ARetentionNeedsItsNumberAndANumberItsRetention) {
  EXPECT_EQ(problems_of("[retention]\nkind = 'age'\n"),
            "capstan.toml:2:8: kind = 'age' needs 'age_seconds' in [retention], at least 1");
  EXPECT_EQ(problems_of("[retention]\nkind = 'count'\ncount = 0\n"),
            "capstan.toml:2:8: kind = 'count' needs 'count' in [retention], at least 1");
  EXPECT_EQ(problems_of("[retention]\nbytes = '1 GiB'\n"),
            "capstan.toml:2:9: 'bytes' counts with kind = 'bytes' alone, and kind is 'settled'");
  EXPECT_EQ(problems_of("[retention]\nkind = 'weekly'\nage_seconds = 604_800\n"),
            "capstan.toml:2:8: 'kind' must be one of settled, age, bytes, count, forever");
  EXPECT_EQ(problems_of("[retention]\nkind = 'age'\nage_seconds = -1\n"),
            "capstan.toml:3:15: 'age_seconds' must be 0 to 3_153_600_000 seconds");
  for (const std::string_view complete :
       {"kind = 'settled'\n", "kind = 'age'\nage_seconds = 604_800\n",
        "kind = 'bytes'\nbytes = '64 GiB'\n", "kind = 'count'\ncount = 1\n",
        "kind = 'forever'\n"}) {
    EXPECT_EQ(problems_of("[retention]\n" + std::string(complete)), "") << complete;
  }
}

TEST(Config, AnEmptyFileIsTheDefault) {
  const auto config = parse_config("", kFile);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(*config, default_config());
}

TEST(Config, TheDefaultsAreThoseOfTheDesign) {
  const Config config = default_config();
  EXPECT_EQ(config.listen.endpoint, "tcp://127.0.0.1:7450");
  EXPECT_TRUE(config.security.curve);
  EXPECT_FALSE(config.security.insecure);
  EXPECT_EQ(config.security.agents_per_key_max, 10'000U);
  EXPECT_EQ(config.journal.directory, "data");
  EXPECT_EQ(config.journal.segment_bytes_max, 268'435'456U);
  EXPECT_EQ(config.journal.checkpoint_interval_ms, 5'000U);
  EXPECT_EQ(config.delivery.lease_ms, 10'000U);
  EXPECT_EQ(config.delivery.heartbeat_ms, 2'000U);
  EXPECT_EQ(config.delivery.inbox_envelopes_max, 10'000'000U);
  EXPECT_EQ(config.delivery.inbox_bytes_max, 8'589'934'592U);
  EXPECT_EQ(config.delivery.max_deliver, 16U);
  EXPECT_EQ(config.delivery.ack_wait_ms, 0U);
  EXPECT_EQ(config.retention.kind, "settled");
  EXPECT_EQ(config.send.window_envelopes, 32'768U);
  EXPECT_EQ(config.send.window_bytes, 16'777'216U);
  EXPECT_EQ(config.send.commit_budget_bytes, 67'108'864U);
  EXPECT_EQ(config.memory.resident_blocks_bytes, 67'108'864U);
  EXPECT_EQ(config.memory.index_bytes_max, 268'435'456U);
  EXPECT_EQ(config.log.level, LogLevel::kInfo);
}

TEST(Config, TheExampleFileIsTheOneThatTheTableMakes) {
  const std::string example = get_file(CAPSTAN_EXAMPLE_CONFIG);
  EXPECT_EQ(example, render_config(default_config().listen.endpoint));
  const auto config = load_config(CAPSTAN_EXAMPLE_CONFIG);
  ASSERT_TRUE(config.ok()) << config.error().text();
  Config expected = default_config();
  expected.base = config->base;
  EXPECT_EQ(*config, expected);
}

TEST(Config, TheExampleFileSaysEverythingThatTheTableSays) {
  std::string example = render_config("tcp://127.0.0.1:7450");
  for (const std::string& line : lines_of(example)) EXPECT_LE(line.size(), 98U) << line;
  for (const Option& option : all_options()) {
    EXPECT_NE(example.find("[" + std::string(option.section) + "]\n"), std::string::npos);
    EXPECT_NE(example.find("\n" + std::string(option.name) + " = "), std::string::npos);
  }
  // Comments are broken into lines; joined again, the sentences are in them.
  for (std::size_t at = 0; (at = example.find("\n# ", at)) != std::string::npos;) {
    example.replace(at, 3, " ");
  }
  for (const Option& option : all_options()) {
    EXPECT_NE(example.find(option.sentence), std::string::npos) << option.name;
  }
}

TEST(Config, OptionsAreDeclaredOnceAndSectionsStandTogether) {
  std::vector<std::string> names;
  std::vector<std::string_view> sections;
  for (const Option& option : all_options()) {
    names.push_back(std::string(option.section) + "." + std::string(option.name));
    if (sections.empty() || sections.back() != option.section) sections.push_back(option.section);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  std::sort(sections.begin(), sections.end());
  EXPECT_EQ(std::adjacent_find(sections.begin(), sections.end()), sections.end());
}

// Goal: no option writes into another one's field.
// Method: every option alone is given something else than its default; then as many fields differ
//         from the default as there are options, each time another.
TEST(Config, EveryOptionHasItsOwnField) {
  std::vector<Config> changed;
  for (const Option& option : all_options()) {
    std::string value;
    if (std::holds_alternative<FlagOption>(option.kind)) {
      value = std::get<FlagOption>(option.kind).value ? "false" : "true";
    } else if (const auto* number = std::get_if<NumberOption>(&option.kind)) {
      value = std::to_string(number->value < number->most ? number->value + 1 : number->value - 1);
    } else if (const auto* choice = std::get_if<ChoiceOption>(&option.kind)) {
      value = "'" + std::string(choice->choices.back()) + "'";
      ASSERT_NE(choice->choices.back(), choice->value);
    } else {
      value = option.name == "level" ? "'warn'" : "'ipc://elsewhere'";
    }
    const auto config = parse_config(file_with(option, value), kFile);
    ASSERT_TRUE(config.ok()) << config.error().text();
    EXPECT_NE(*config, default_config()) << option.name;
    EXPECT_EQ(std::count(changed.begin(), changed.end(), *config), 0) << option.name;
    changed.push_back(*config);
  }
}

TEST(Config, RelativePathsAreRelativeToTheFile) {
  const TemporaryFolder folder;
  put_file(folder / "capstan.toml", "[journal]\ndirectory = 'mail'\n", 0644);
  EXPECT_EQ(load_config(folder / "capstan.toml")->journal_directory(), folder / "mail");
  put_file(folder / "capstan.toml", "[journal]\ndirectory = '/srv/mail'\n", 0644);
  EXPECT_EQ(load_config(folder / "capstan.toml")->journal_directory(), "/srv/mail");
  EXPECT_EQ(load_config(folder / "none.toml").error().code, ErrorCode::kNotFound);
}

TEST(Endpoint, RefusesWhatNoHubCanListenOn) {
  for (const std::string_view text : {"",
                                      "tcp://",
                                      "tcp://:1",
                                      "tcp://host",
                                      "tcp://host:",
                                      "tcp://host:x",
                                      "tcp://host:65536",
                                      "tcp://host:-1",
                                      "tcp://host:1 ",
                                      " tcp://host:1",
                                      "tcp://ho st:1",
                                      "tcp://::1:7450",
                                      "tcp://[::1]",
                                      "tcp://a/b:1",
                                      "udp://host:1",
                                      "inproc://x",
                                      "ipc://",
                                      "tcp:/host:1",
                                      "tcp://host:1'",
                                      "tcp://host:1\n",
                                      "tcp://h\xc3\xb6st:1",
                                      "tcp://host:+1"}) {
    EXPECT_EQ(parse_endpoint(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(parse_endpoint("ipc:///" + std::string(107, 'x')).ok());
  EXPECT_FALSE(parse_endpoint("tcp://" + std::string(256, 'x') + ":1").ok());
  EXPECT_FALSE(parse_endpoint(std::string_view("tcp://host:1\0", 13)).ok());
}

TEST(Endpoint, TextThereAndBackIsTheSame) {
  for (const std::string_view text :
       {"tcp://127.0.0.1:7450", "tcp://*:0", "tcp://[::1]:65535", "tcp://eth0:1", "ipc:///run/x"}) {
    EXPECT_EQ(parse_endpoint(text)->text(), text);
  }
  EXPECT_EQ(parse_endpoint("tcp://localhost:7450")->text(), "tcp://127.0.0.1:7450");
}

TEST(Endpoint, APathIsRelativeToTheFolderThatItIsResolvedIn) {
  const auto resolved = [](std::string_view text, const std::filesystem::path& base) {
    return resolve_endpoint(*parse_endpoint(text), base)->text();
  };
  EXPECT_EQ(resolved("ipc://run/sock", "/srv/my hub"), "ipc:///srv/my hub/run/sock");
  EXPECT_EQ(resolved("ipc://../sock", "/srv/hub"), "ipc:///srv/sock");
  EXPECT_EQ(resolved("ipc:///run/sock", "/srv/hub"), "ipc:///run/sock");
  const auto here = std::filesystem::current_path().string();
  EXPECT_EQ(resolved("ipc://sock", ""), "ipc://" + here + "/sock");
  for (const std::string_view text : {"tcp://127.0.0.1:7450", "ipc://@name", "ipc://*"}) {
    EXPECT_EQ(resolved(text, "/srv/hub"), text);
  }
  const auto too_long = resolve_endpoint(*parse_endpoint("ipc://sock"), std::string(107, 'x'));
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().code, ErrorCode::kInvalidArgument);
  const std::string base = "/" + std::string(107, 'x');
  EXPECT_EQ(parse_config("[listen]\nendpoint = 'ipc://sock'\n", base + "/capstan.toml")
                .error()
                .context.rfind(base + "/capstan.toml:2:12: ", 0),
            0U);
}

TEST(Endpoint, APathIsFreeWhenNothingIsThereOrASocketThatNobodyListensOn) {
  const TemporaryFolder folder;
  const auto check = [&] {
    return check_ipc_place({Transport::kIpc, {}, 0, (folder / "sock").string()});
  };
  EXPECT_TRUE(check().ok());
  put_file(folder / "sock", "a letter", 0644);
  EXPECT_EQ(check().error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(get_file(folder / "sock"), "a letter");
  std::filesystem::remove(folder / "sock");
  std::filesystem::create_symlink("nowhere", folder / "sock");
  EXPECT_EQ(check().error().code, ErrorCode::kAlreadyExists);
  std::filesystem::remove(folder / "sock");

  const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un place{};
  place.sun_family = AF_UNIX;
  (folder / "sock").string().copy(place.sun_path, sizeof place.sun_path - 1);
  const void* const address = &place;
  ASSERT_EQ(::bind(listening, static_cast<const sockaddr*>(address), sizeof place), 0);
  EXPECT_TRUE(check().ok()) << "nobody listens yet";
  ASSERT_EQ(::listen(listening, 1), 0);
  const Status taken = check();
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(taken.error().context.find("ss -lxp"), std::string::npos) << taken.error().context;
  ::close(listening);
  EXPECT_TRUE(check().ok()) << "left by one that was killed";
}

TEST(Endpoint, AFreePortIsOutsideThePortsOfOutgoingConnections) {
  for (const std::string_view text : {"tcp://127.0.0.1:0", "tcp://*:0"}) {
    const auto found = with_free_port(*parse_endpoint(text));
    ASSERT_TRUE(found.ok()) << found.error().text();
    EXPECT_GE(found->port, 20'000);
    EXPECT_LT(found->port, 32'768);
  }
  EXPECT_EQ(with_free_port(*parse_endpoint("tcp://127.0.0.1:7450"))->port, 7450);
  EXPECT_EQ(with_free_port(*parse_endpoint("tcp://eth0:0")).error().code,
            ErrorCode::kInvalidArgument);
  // An address of the documentation (RFC 5737): no machine has it.
  EXPECT_EQ(with_free_port(*parse_endpoint("tcp://192.0.2.1:0")).error().code,
            ErrorCode::kUnavailable);
}

TEST(ClosestWord, SuggestsWhatIsNearAndNothingElse) {
  constexpr std::string_view kWords[] = {"listen", "security", "journal", "log"};
  EXPECT_EQ(closest_word("", kWords), "");
  EXPECT_EQ(closest_word("x", kWords), "");
  EXPECT_EQ(closest_word("zzzzzz", kWords), "");
  EXPECT_EQ(closest_word(std::string(100'000, 'l'), kWords), "");
  EXPECT_EQ(closest_word("lisen", kWords), "listen");
  EXPECT_EQ(closest_word("sceurity", kWords), "security");
  EXPECT_EQ(closest_word("lgo", kWords), "log");
}

}  // namespace
}  // namespace capstan
