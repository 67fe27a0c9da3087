#!/usr/bin/python3
"""The documents against the code: tables, examples and citations.

    protocol_doc_test.py ROOT

PROTOCOL.md §5, §8 and §9 repeat enumerators, limits and errors of the headers; its examples are golden
vectors; and wherever code or text cites a section of a document, that section is there.
"""

import json
import os
import re
import sys

DOCUMENTS = {
    "PROTOCOL": "codec/PROTOCOL.md",
    "FORMAT": "journal/FORMAT.md",
    "THREATS": "security/THREATS.md",
}
BASE = "codec/base/include/capstan/base/"
CODEC = "codec/include/capstan/codec/"


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def section(document, number):
    """The text of one `## §N` section, up to the next one."""
    match = re.search(rf"^## §{number} .*?(?=^## |\Z)", document, re.M | re.S)
    return match.group(0) if match else ""


def rows(text):
    """The cells of every table row but headings and rulers."""
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and not re.fullmatch(r"[-: ]+", cells[0]):
            yield cells


def differences(what, told, real):
    """Findings about two mappings that must be equal."""
    for key in sorted(set(told) | set(real), key=str):
        if told.get(key) != real.get(key):
            yield f"{what} {key}: the document says {told.get(key)}, the code {real.get(key)}"


def duplicates(what, keys):
    for key in sorted({key for key in keys if keys.count(key) > 1}, key=str):
        yield f"{what} {key} stands there twice"


# ---- §5, §8, §9 ----

def frame_problems(document, header):
    enumeration = re.search(r"enum class FrameType.*?\{(.*?)\};", header, re.S).group(1)
    real = {name.lower(): int(number)
            for name, number in re.findall(r"\bk(\w+) = (\d+)", enumeration) if name != "None"}
    told = {}
    for cells in rows(section(document, 5)):
        if len(cells) == 4 and cells[0].isdigit():
            told[cells[1].strip("`")] = int(cells[0])
    yield from differences("frame", told, real)


def value_of(expression):
    """A product or sum of numbers, as limits.h writes them."""
    plain = expression.replace("'", "").replace("_", "")
    if not re.fullmatch(r"[\d\s*+()<]+", plain):
        raise ValueError(f"not a number: {expression}")
    return eval(plain)  # pylint: disable=eval-used  # digits and operators only, checked above


def limit_problems(document, header):
    real = {name: value_of(value) for name, value in
            re.findall(r"inline constexpr [\w:]+ (k\w+) =\s*([^;]+);", header)}
    entries = [(cells[0].strip("`"), int(cells[1].replace(",", "")))
               for cells in rows(section(document, 8)) if cells[0].startswith("`k")]
    yield from duplicates("limit", [name for name, _ in entries])
    yield from differences("limit", dict(entries), real)


def error_problems(document, header):
    real = {int(number): (name, reaction.lower()) for number, name, reaction in
            re.findall(r'X\(k\w+, (\d+), "(\w+)", k(\w+)\)', header)}
    entries = []
    for cells in rows(section(document, 9)):
        if cells[0].isdigit():
            if len(cells) != 5 or not all(cells):
                yield f"error {cells[0]}: a row has five cells, and none is empty"
                continue
            entries.append((int(cells[0]), (cells[1].strip("`"), cells[2])))
    yield from duplicates("error", [number for number, _ in entries])
    yield from differences("error", dict(entries), real)


def example_problems(document, vectors):
    """Every frame in the text is a vector, and every frame that exists has an example."""
    known = {vector["hex"]: vector["fields"]["frame"]
             for vector in vectors if vector["kind"] == "frame"}
    shown = re.findall(r"`(c6[0-9a-f]{8,})`", document)
    for example in shown:
        if example not in known:
            yield f"the example {example[:40]}… is no golden vector"
    for frame in sorted(set(known.values()) - {known.get(example) for example in shown}):
        yield f"frame {frame} has no example"


# ---- Citations ----

def has_section(document, cited):
    """§N is a heading; §N.M a heading or the item M of section N."""
    if re.search(rf"^#+ .*?(§|^## |### ){re.escape(cited)}[. ]", document, re.M):
        return True
    if re.search(rf"^#+ (.*, )?§?{re.escape(cited)}[. ]", document, re.M):
        return True
    chapter, _, item = cited.partition(".")
    body = re.search(rf"^## §?{chapter}[. ].*?(?=^## |\Z)", document, re.M | re.S)
    return bool(item and body and re.search(rf"^{item}\. ", body.group(0), re.M))


def citations(text):
    """(document, section) of every "NAME.md §1.2, §3 and §4"."""
    number = r"§\d+(?:\.\d+)*"
    for name, cited in re.findall(
            rf"\b(PROTOCOL|FORMAT|THREATS)\.md ({number}(?:(?:, | and | to ){number})*)", text):
        for one in re.findall(r"§(\d+(?:\.\d+)*)", cited):
            yield name, one


def citation_problems(path, text, documents):
    for name, cited in citations(text):
        if not has_section(documents[name], cited):
            yield f"{path} cites {name}.md §{cited}, which is not there"
    own = next((name for name, place in DOCUMENTS.items() if place == path), None)
    if own is not None:
        # Inside a document a bare § is its own.
        bare = re.sub(r"\b[A-Z]+\.md §[\d.]+", "", text)
        for cited in sorted(set(re.findall(r"§(\d+(?:\.\d+)*)", bare))):
            if not has_section(text, cited):
                yield f"{path} cites its own §{cited}, which is not there"


def source_files(root):
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", "__pycache__", ".git")]
        for file in files:
            if file.endswith((".h", ".cc", ".md", ".py", ".txt")):
                yield os.path.relpath(os.path.join(folder, file), root)


# ---- The test of the test ----

def blindness():
    """What each check must find in a document that is wrong; empty when it finds all of it."""
    error = 'X(kOk, 0, "ok", kNever) X(kIo, 26, "io", kNever)'
    wrong_errors = {
        "a reaction": "## §9 E\n| 0 | `ok` | later | — | x |\n| 26 | `io` | never | — | x |\n",
        "a missing error": "## §9 E\n| 0 | `ok` | never | — | x |\n",
        "an error too many": "## §9 E\n| 0 | `ok` | never | — | x |\n| 26 | `io` | never | — | x |\n"
                             "| 27 | `up` | never | — | x |\n",
        "an empty cell": "## §9 E\n| 0 | `ok` | never | — | |\n| 26 | `io` | never | — | x |\n",
    }
    for what, document in wrong_errors.items():
        if not list(error_problems(document, error)):
            yield f"error_problems() does not see {what}"
    limit = "inline constexpr std::size_t kA = 4 * 1'024;"
    if list(limit_problems("## §8 L\n| `kA` | 4,096 | x |\n", limit)):
        yield "limit_problems() refuses what is right"
    for value in ("| `kA` | 4,095 | x |", "| `kB` | 4,096 | x |", ""):
        if not list(limit_problems(f"## §8 L\n{value}\n", limit)):
            yield f"limit_problems() takes '{value}'"
    frames = "enum class FrameType : int {\n kNone = 0,\n kHello = 1,\n};"
    if not list(frame_problems("## §5 F\n| 2 | `hello` | client | x |\n", frames)):
        yield "frame_problems() does not see a wrong number"
    documents = {"THREATS": "## 4. Threats\n\n### 4.1 A\n\n## 5. Odd\n\n1. one\n"}
    cited = "THREATS.md " + "§4, §4.1 and §5.1"
    if list(citation_problems("x.h", cited, documents)):
        yield "citation_problems() refuses what is right"
    for one in ("§6", "§4.2", "§5.2"):
        if not list(citation_problems("x.h", "THREATS.md " + one, documents)):
            yield f"citation_problems() takes {one}"


def main(root):
    documents = {name: read(root, path) for name, path in DOCUMENTS.items()}
    protocol = documents["PROTOCOL"]
    vectors = [json.loads(line) for line in
               read(root, "tests/vectors/frames.jsonl").splitlines()]
    problems = list(blindness())
    problems += frame_problems(protocol, read(root, CODEC + "frame.h"))
    problems += limit_problems(protocol, read(root, CODEC + "limits.h"))
    problems += error_problems(protocol, read(root, BASE + "error.h"))
    problems += example_problems(protocol, vectors)
    for path in sorted(source_files(root)):
        problems += citation_problems(path, read(root, path), documents)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
