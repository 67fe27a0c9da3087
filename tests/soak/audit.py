"""Compares what receivers have in their files with what senders posted."""

import load

ID_CHARS = 32


class Audit:
    """Counts over any number of files. One flow is one sender's texts to one receiver."""

    def __init__(self):
        self.posted = 0
        self.kept = 0
        self.lost = 0
        self.duplicated = 0
        self.out_of_order = 0
        self.altered = 0
        self.foreign = 0
        self.examples = []  # The first findings, in words.

    def clean(self):
        return not (self.lost or self.duplicated or self.out_of_order or self.altered
                    or self.foreign)

    def line(self):
        return (f"lost {self.lost}, duplicated {self.duplicated}, "
                f"out of order {self.out_of_order}")

    def take_file(self, name, lines, posted):
        """`lines` of one receiver's file; `posted`: sender → how many it posted to this one."""
        seen = {sender: bytearray(count + 1) for sender, count in posted.items()}
        highest = dict.fromkeys(posted, 0)
        ids = set()
        last_id = ""
        for at, line in enumerate(lines, 1):
            identifier, _, text = line.rstrip("\n").partition(" ")
            sender, number = self._origin(text)
            if sender not in seen or not 0 < number < len(seen[sender]):
                self._find("foreign", f"{name}:{at}: nobody posted {text[:60]!r}")
                continue
            if text != load.text_of(sender, number):
                self._find("altered", f"{name}:{at}: {sender}'s text {number} is another one")
            if seen[sender][number] or identifier in ids:
                self._find("duplicated", f"{name}:{at}: {sender}'s text {number} again")
                continue
            seen[sender][number] = 1
            ids.add(identifier)
            self.kept += 1
            # Ids grow in the order of acceptance, so they order the texts of different senders, too.
            if number < highest[sender] or identifier < last_id:
                self._find("out_of_order", f"{name}:{at}: {sender}'s text {number} after "
                                           f"{highest[sender]}, id {identifier} after {last_id}")
            highest[sender] = max(highest[sender], number)
            last_id = max(last_id, identifier)
        for sender, marks in seen.items():
            self.posted += len(marks) - 1
            missing = marks.count(0) - 1
            if missing:
                first = marks.index(0, 1)
                self._find("lost", f"{name}: {missing} of {sender}'s texts, the first is {first}",
                           missing)

    @staticmethod
    def _origin(text):
        sender, _, rest = text.partition(" ")
        number = rest.partition(" ")[0]
        return sender, int(number) if number.isascii() and number.isdigit() else 0

    def _find(self, kind, words, count=1):
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.examples) < 10:
            self.examples.append(words)
