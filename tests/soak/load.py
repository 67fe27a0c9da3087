"""What the soak's senders post: texts that name their sender and number, so that an auditor can
tell from a text alone whether it is the one that was posted."""

SIZES = (0, 8, 30, 60, 100, 180, 256, 256, 300, 500, 900, 1_500, 4_000)
LARGE = 100_000  # More than one block of the journal holds.
LARGE_EVERY = 1_009
PAD = "abcdefghijklmnopqrstuvwxyz" * (LARGE // 26 + 2)


def text_of(sender, number):
    """Text `number` (from 1) of a sender: `SENDER NUMBER FILLER`, of mixed sizes."""
    size = LARGE if number % LARGE_EVERY == 0 else SIZES[number * 7 % len(SIZES)]
    begin = number % 26
    return f"{sender} {number} {PAD[begin:begin + size]}"


def lines_of(sender, first, count):
    """`count` texts as lines for `capstan send --lines`."""
    return "".join(text_of(sender, n) + "\n" for n in range(first, first + count)).encode()
