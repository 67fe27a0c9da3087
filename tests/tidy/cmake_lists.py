"""What the CMakeLists.txt files say, as lists of commands, as far as the rules need it: loops over
given words are written out, conditions are taken as met."""

import os
import re

FOLDERS = {
    "${PROJECT_SOURCE_DIR}/": "", "${CMAKE_SOURCE_DIR}/": "", "${capstan_SOURCE_DIR}/": "",
    "${CMAKE_CURRENT_SOURCE_DIR}/": None, "${CMAKE_CURRENT_LIST_DIR}/": None,
}


def commands(text):
    """(name, words) of each command in order."""
    text = re.sub(r"#.*", "", text)
    found = [(match[1].lower(), re.findall(r'"[^"]*"|[^\s";]+', match[2]))
             for match in re.finditer(r"(\w+)\s*\(([^()]*)\)", text)]
    return _written_out(found)


def _written_out(found):
    done, place = [], 0
    while place < len(found):
        name, words = found[place]
        place += 1
        if name != "foreach":
            done.append((name, words))
            continue
        begin, depth = place, 1
        while depth and place < len(found):
            depth += {"foreach": 1, "endforeach": -1}.get(found[place][0], 0)
            place += 1
        variable = "${%s}" % words[0]
        for value in words[1:]:
            done += _written_out([(inner, [word.replace(variable, value) for word in inner_words])
                                  for inner, inner_words in found[begin:place - 1]])
    return done


def built(tree):
    """(folder, name, words) of every command that a build from the root meets."""
    waiting, seen = [""], set()
    while waiting:
        folder = waiting.pop()
        path = os.path.join(folder, "CMakeLists.txt")
        if path in seen or path not in tree.known:
            continue
        seen.add(path)
        for name, words in commands(tree.text(path)):
            if name == "add_subdirectory" and words:
                waiting.append(path_of(folder, words[0]))
            yield folder, name, words


def path_of(folder, word):
    """The file that a word of this folder's CMakeLists.txt names, from the root."""
    word = word.strip('"')
    for prefix, place in FOLDERS.items():
        if word.startswith(prefix):
            folder, word = folder if place is None else place, word[len(prefix):]
    return os.path.normpath(os.path.join(folder, word))
