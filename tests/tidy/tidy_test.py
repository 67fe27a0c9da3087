#!/usr/bin/env python3
"""Checks the rules of rules.py against bad examples, then against the project.

usage: tidy_test.py [PROJECT_FOLDER]
"""

import os
import sys
import tempfile
import unittest

import rules

GOOD = {
    "CMakeLists.txt": "foreach(f journal bench tests)\n add_subdirectory(${f})\nendforeach()\n",
    "journal/CMakeLists.txt": "add_library(capstan_journal block.cc)\n",
    "journal/block.cc": '#include "block.h"\n\n#include <leveldb/env.h>\n',
    "journal/block.h": "#pragma once\n#include \"capstan/base/bytes.h\"\n",
    "journal/README.md": "| file | test |\n| `block.cc` | `Block.IsKept` |\n",
    "bench/CMakeLists.txt": "add_executable(bench micro.cc suite.cc)\n",
    "bench/micro.cc": "BENCHMARK(encode);\n",
    "bench/suite.cc": 'Contestant floor{"floor", run};\nall.push_back({"capstan", run});\n'
                      'Workload{"restart", measure};\n',
    "tests/CMakeLists.txt": "add_subdirectory(journal)\nadd_subdirectory(integration)\n",
    "tests/journal/CMakeLists.txt": "foreach(t block)\n add_executable(${t} ${t}_test.cc)\n"
                                    " gtest_discover_tests(${t})\nendforeach()\n",
    "tests/journal/block_test.cc": '#include "journal/block.h"\nTEST(Block, IsKept) {}\n',
    "tests/integration/CMakeLists.txt":
        "foreach(suite Kill Drain)\n add_test(NAME integration.${suite}\n"
        "  COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/hub_test.py ${suite})\nendforeach()\n",
    "tests/integration/hub_test.py":
        "class Kill:\n  def test_all_is_there(self):\n    pass\n"
        "class Drain:\n  def test_nothing_waits(self):\n    pass\n",
    "tests/mutants/no_sync.patch": "",
    "tests/prove/prove.py": 'PROOFS = [\n    Proof("soak", "./dev soak"),\n]\n',
    "README.md":
        "| promise | proof |\n|---|---|\n"
        "| kept | `Block.IsKept`, `hub_test.Kill.test_all_is_there`, `integration.Drain` |\n"
        "| noticed, and fast | `mutants: no_sync`, `prove: soak`, `bench: one_to_one capstan`, "
        "`bench: one_to_one floor`, `bench: restart capstan`, `micro: encode` |\n\n| words | `anything` |\n\nSee `Block.*` and `hub.cc`.\n",
}


def promised(proof):
    """A document with one promise."""
    return f"| promise | proof |\n|---|---|\n| it holds | {proof} |\n"


# rule → examples: the one file that is added to the good tree, or replaces a file of it.
BAD = {
    "top_level_is_given": [
        ("cmake/helpers.cmake", ""),
        ("Makefile", ""),
    ],
    "no_glob_in_cmake": [
        ("CMakeLists.txt", "file( GLOB sources *.cc)\n"),
        ("CMakeLists.txt", "file(GLOB_RECURSE sources *.cc)\n"),
    ],
    "headers_have_pragma_once": [
        ("journal/index.h", "#ifndef INDEX_H\n#define INDEX_H\n#endif\n"),
    ],
    "headers_open_no_namespace": [
        ("journal/index.h", "#pragma once\nusing namespace std;\n"),
    ],
    "tests_do_not_sleep": [
        ("tests/support/wait.h", "#pragma once\nstd::this_thread::sleep_for(1ms);\n"),
        ("tests/support/wait.h", "#pragma once\nusleep(10);\n"),
        ("tests/support/wait.h", "#pragma once\nsleep (1);\n"),
        ("tests/integration/kill.py", "import time\ntime.sleep(1)\n"),
        ("tests/integration/kill.sh", "while true; do sleep 1; done\n"),
        ("tests/integration/run", "#!/bin/bash\n  sleep 0.1\n"),
    ],
    "no_tests_are_skipped": [
        ("tests/journal/block_test.cc", "TEST(Block, IsKept) { GTEST_SKIP(); }\n"),
        ("tests/journal/block_test.cc", "TEST(Block, DISABLED_IsKept) {}\n"),
        ("tests/journal/block_test.cc", "#if 0\nTEST(Block, IsKept) {}\n#endif\n"),
        ("tests/integration/hub_test.py", "@unittest.skip('slow')\nclass Kill:\n  pass\n"),
        ("tests/integration/hub_test.py", "def test_it(self):\n  self.skipTest('slow')\n"),
        ("tests/integration/CMakeLists.txt", "set_tests_properties(t PROPERTIES DISABLED ON)\n"),
    ],
    "nothing_is_left_for_later": [
        ("journal/block.h", "#pragma once\n// TODO: later\n"),
        ("journal/CMakeLists.txt", "add_library(capstan_journal block.cc) # FIXME\n"),
        ("dev", "#!/bin/bash\n# XXX\n"),
    ],
    "cpp_lines_fit": [
        ("journal/block.h", "#pragma once\n//" + 99 * "-" + "\n"),
    ],
    "cpp_files_are_short": [
        ("journal/block.h", "#pragma once\n" + 500 * "\n"),
    ],
    "examples_are_short": [
        ("client/examples/post.cc", 41 * "\n"),
    ],
    "sources_of_others_are_named": [
        ("bench/third_party/lz/lz.h", "#pragma once\n"),
    ],
    "no_machine_is_named": [
        ("README.md", "See /home/bob/notes.\n"),
        ("journal/block.h", "#pragma once\n// as ../shared says\n"),
        ("dev", "#!/bin/bash\ncd /work/main\n"),
    ],
    "every_source_is_built": [
        ("journal/index.cc", ""),
        ("tests/journal/other/block_test.cc", ""),
        ("journal/CMakeLists.txt", "# block.cc\n"),
    ],
    "tests_mirror_sources": [
        ("tests/journal/segment_test.cc", ""),
        ("tests/broker/core/block_test.cc", ""),
    ],
    "dependencies_point_down": [
        ("codec/base/ids.cc", '#include "capstan/codec/frame.h"\n'),
        ("codec/frame.cc", '#include "capstan/journal/journal.h"\n'),
        ("journal/other.cc", '#include "capstan/codec/frame.h"\n'),
        ("security/keys.cc", '#include "capstan/codec/frame.h"\n'),
        ("security/keys.cc", '#include "journal/block.h"\n'),
        ("security/keys.cc", '#include "../journal/block.h"\n'),
        ("security/keys.cc", '#include "capstan/nobody/knows.h"\n'),
        ("broker/core/hub.cc", '#include "capstan/journal/journal.h"\n'),
        ("broker/core/hub.cc", "#include <zmq.hpp>\n"),
        ("broker/core/hub.cc", "#include <leveldb/db.h>\n"),
        ("broker/core/hub.cc", "#include <thread>\n"),
        ("broker/core/hub.cc", "#  include <chrono>\n"),
        ("broker/core/hub.cc", "#include <mutex>\n"),
        ("client/hub_client.cc", '#include "capstan/core/hub.h"\n'),
        ("client/hub_client.cc", '#include "capstan/broker/daemon.h"\n'),
        ("client/hub_client.cc", '#include "capstan/journal/journal.h"\n'),
        ("client/hub_client.cc", "#include <leveldb/db.h>\n"),
        ("journal/other.cc", "#include <zmq.h>\n"),
        ("broker/daemon.cc", "#include <sodium.h>\n"),
        ("client/include/capstan/client/link.h", "#pragma once\n#include <zmq.hpp>\n"),
        ("journal/include/capstan/journal/env.h", "#pragma once\n#include <leveldb/env.h>\n"),
    ],
    "files_in_readme_tables_exist": [
        ("journal/README.md", "| `segment.cc` | writes |\n"),
        ("README.md", "| wire | `codec/PROTOCOL.md` |\n"),
    ],
    "every_test_is_run": [
        ("tests/journal/CMakeLists.txt", "add_executable(block block_test.cc)\n"),
        ("tests/CMakeLists.txt", "add_subdirectory(integration)\n"),
        ("tests/integration/CMakeLists.txt", "add_test(NAME hub COMMAND hub_test.py Kill)\n"),
        ("tests/integration/disk_test.py", "class Full:\n  def test_it_is_told(self):\n    pass\n"),
    ],
    "proofs_in_documents_exist": [
        ("journal/README.md", "| kept | `Block.IsLost` |\n"),
        ("journal/README.md", "Proven by `Segment.*`.\n"),
        ("journal/README.md", "Proven by `hub_test.Kill.test_nothing_waits`.\n"),
        ("journal/README.md", promised("")),
        ("journal/README.md", promised("everybody knows")),
        ("journal/README.md", promised("`integration.Restart`")),
        ("journal/README.md", promised("`Block.IsKept`, `Block.IsLost`")),
        ("journal/README.md", promised("`mutants: no_chain`")),
        ("journal/README.md", promised("`prove: fuzz`")),
        ("journal/README.md", promised("`bench: backlog capstan`")),
        ("journal/README.md", promised("`bench: restart floor`")),
        ("journal/README.md", promised("`micro: decode`")),
        ("journal/README.md", promised("`block_test.cc`")),
        ("tests/journal/block_test.cc", '#include "journal/block.h"\n// TEST(Block, IsKept) {}\n'),
        ("tests/journal/block_test.cc", "TEST(Block, DISABLED_IsKept) {}\n"),
        ("tests/journal/CMakeLists.txt", "# add_executable(block block_test.cc)\n"),
        ("tests/integration/CMakeLists.txt", "add_test(NAME hub COMMAND hub_test.py Drain)\n"),
    ],
}


def rules_broken_by(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            place = os.path.join(root, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)
        return {rule for rule, _, _ in rules.findings(root)}


class TheRules(unittest.TestCase):
    def test_a_good_tree_has_no_findings(self):
        self.assertEqual(rules_broken_by(GOOD), set())

    def test_every_rule_has_a_bad_example(self):
        self.assertEqual(set(BAD), {rule.__name__ for rule in rules.RULES})

    def test_every_bad_example_is_found_by_its_rule(self):
        for rule, examples in BAD.items():
            for path, text in examples:
                with self.subTest(rule=rule, path=path, text=text):
                    self.assertIn(rule, rules_broken_by({**GOOD, path: text}))

    def test_what_only_looks_bad_is_let_through(self):
        harmless = {
            "tests/support/run": '#!/bin/bash\nfolder=$(mktemp -d "$TMPDIR/XXXXXX")\n',
            "client/include/capstan/client/link.h": "#pragma once\n#include <thread>\n",
            "broker/README.md": "| `capstan.toml` | `DIR/capstan.toml` | `build/bin/x.sh` |\n",
            "configs/capstan.toml": "# asleep (not a call)\n",
            "bench/third_party/hdr_histogram/hdr.h": "#ifndef HDR_H\n// TODO: theirs\n#endif\n",
            "NOTICE": "bench/third_party/hdr_histogram\n",
        }
        self.assertEqual(rules_broken_by({**GOOD, **harmless}), set())


def main():
    project = os.path.abspath(sys.argv[1] if len(sys.argv) > 1
                              else os.path.join(os.path.dirname(__file__), "..", ".."))
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(TheRules)
    if not unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful():
        return 1
    found = rules.findings(project)
    for rule, place, text in found:
        print(f"{place}: {text} [{rule}]")
    print(f"{len(found)} findings in {len(rules.Tree(project).files)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
