"""Putting the chunks of a response back in order (LAC-RESP-009).

Chunks count up by one, from a number that revision 0.2 leaves open (OP-3): the first chunk that
arrives sets it. A chunk behind a gap waits for the gap; one from before the first is let through at
once, its place in the whole text is right all the same.
"""

from __future__ import annotations

from itertools import pairwise

__all__ = ["MAX_GAP", "Reassembly"]

#: How many chunks may wait behind a gap, and how many missing numbers are listed.
MAX_GAP = 256


class Reassembly:
    """The text of one response.

    Attributes:
        texts: every piece so far, by its number.
    """

    __slots__ = ("_next", "_waiting", "texts")

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self._waiting: dict[int, tuple[int, int, str]] = {}
        self._next: int | None = None

    def add(self, seq: int, timestamp: int, text: str) -> list[tuple[int, int, str]] | None:
        """Take a piece in.

        Returns:
            The pieces (number, timestamp, text) that can be spoken now, in order; None if this
            number has been here before.
        """
        if seq in self.texts:
            return None
        self.texts[seq] = text
        piece = (seq, timestamp, text)
        if self._next is None or seq < self._next:
            if self._next is None:
                self._next = seq + 1
            return [piece]
        self._waiting[seq] = piece
        if len(self._waiting) > MAX_GAP:
            self._next = min(self._waiting)
        ready: list[tuple[int, int, str]] = []
        while self._next in self._waiting:
            ready.append(self._waiting.pop(self._next))
            self._next += 1
        return ready

    def finish(self) -> list[tuple[int, int, str]]:
        """The pieces that still wait behind gaps, in order."""
        rest = [self._waiting[seq] for seq in sorted(self._waiting)]
        self._waiting.clear()
        return rest

    @property
    def text(self) -> str:
        """The whole text, in the order of the numbers."""
        return "".join(self.texts[seq] for seq in sorted(self.texts))

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers between the first and the last that never came; at most `MAX_GAP` of them."""
        found: list[int] = []
        numbers = sorted(self.texts)
        for before, after in pairwise(numbers):
            room = MAX_GAP - len(found)
            found += range(before + 1, min(after, before + 1 + room))
        return tuple(found)
