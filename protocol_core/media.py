"""Counters that wrap, and a jitter buffer that puts media frames back in order.

Media headers carry a sequence number and a timestamp in few bits, so both start again at zero in
the middle of a stream. Such counters have no largest value: of two, the later one is the one that
is ahead by less than half the circle. `distance` says by how much, `Unwrapper` turns the counter of
a stream into an ever-growing number.

The jitter buffer orders by timestamp; the sequence number only breaks ties and removes duplicates.
A frame that joins on to the last one leaves at once. A frame behind a gap waits until the gap is
filled or its patience is over. A frame whose place has been played is dropped. A jump wider than
any reordering is no reordering but a stream that starts anew: nothing waits for it.
"""

from __future__ import annotations

import heapq
import itertools
from enum import StrEnum
from typing import Generic, TypeVar

__all__ = ["Arrival", "JitterBuffer", "Unwrapper", "add", "distance", "is_after"]

T = TypeVar("T")

#: Frames may be rounded to whole timestamp units: this much is no gap (timestamp units).
ROUNDING = 1


def add(value: int, step: int, modulus: int) -> int:
    """The counter ``step`` after ``value``; both wrap at ``modulus``."""
    return (value + step) % modulus


def distance(later: int, earlier: int, modulus: int) -> int:
    """How far ``later`` is ahead of ``earlier``, the short way round: in ±modulus/2."""
    half = modulus // 2
    return (later - earlier + half) % modulus - half


def is_after(later: int, earlier: int, modulus: int) -> bool:
    """Whether ``later`` comes after ``earlier``: ahead by less than half the circle."""
    return distance(later, earlier, modulus) > 0


class Unwrapper:
    """Turns a wrapping counter into a number that does not wrap.

    Args:
        modulus: the counter runs from 0 to ``modulus - 1``.
    """

    __slots__ = ("_last", "modulus")

    def __init__(self, modulus: int) -> None:
        self.modulus = modulus
        self._last: int | None = None

    def peek(self, value: int) -> int:
        """What `unwrap` would say, without following."""
        if self._last is None:
            return value
        return self._last + distance(value, self._last, self.modulus)

    def unwrap(self, value: int) -> int:
        """The number for ``value``: the nearest to the last one that leaves this remainder."""
        self._last = self.peek(value)
        return self._last

    def reset(self) -> None:
        """Forget the stream; the next value stands for itself."""
        self._last = None


class Arrival(StrEnum):
    """What became of a frame that was pushed."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"


class JitterBuffer(Generic[T]):
    """Orders the frames of one stream.

    Args:
        sequence_modulus: sequence numbers run from 0 to this minus one.
        timestamp_modulus: likewise, in timestamp units.
        reach: the widest step, in timestamp units, that is still reordering or loss; a wider one
            either way begins the stream anew.
        patience: seconds that a frame waits for the gap before it to be filled.

    Attributes:
        late: how many frames were dropped because their place had been played.
        duplicates: how many were dropped as repetitions of a frame in the buffer or just played.
    """

    def __init__(
        self, *, sequence_modulus: int, timestamp_modulus: int, reach: int, patience: float
    ) -> None:
        self._sequence = Unwrapper(sequence_modulus)
        self._timestamp = Unwrapper(timestamp_modulus)
        self._reach = reach
        self._patience = patience
        self._order = itertools.count()
        self._waiting: list[tuple[tuple[int, int], int, float, float, T]] = []
        self._keys: set[tuple[int, int]] = set()
        self._ready: list[T] = []
        self._last: tuple[int, int] | None = None
        self._expected = 0.0
        self.late = 0
        self.duplicates = 0

    def __len__(self) -> int:
        """How many frames wait in the buffer."""
        return len(self._waiting) + len(self._ready)

    def push(
        self,
        frame: T,
        *,
        sequence: int,
        timestamp: int,
        duration: float,
        now: float,
        restart: bool = False,
    ) -> Arrival:
        """Take one frame in; `pop` gives out what has become playable.

        Args:
            frame: the frame itself.
            sequence: its sequence number.
            timestamp: when it begins, in timestamp units.
            duration: how long it lasts, in timestamp units.
            now: the current time in seconds.
            restart: the frame may begin a stream anew: it is never late.
        """
        key = (self._timestamp.peek(timestamp), self._sequence.peek(sequence))
        if self._last is None or abs(key[0] - self._expected) > self._reach:
            return self._begin(frame, timestamp, sequence, duration)
        if key in self._keys or key == self._last:
            self.duplicates += 1
            return Arrival.DUPLICATE
        if key < self._last:
            if restart:
                return self._begin(frame, timestamp, sequence, duration)
            self.late += 1
            return Arrival.LATE
        self._keys.add(key)
        entry = (key, next(self._order), now + self._patience, duration, frame)
        heapq.heappush(self._waiting, entry)
        self._release()
        return Arrival.ACCEPTED

    def pop(self, now: float) -> list[T]:
        """The frames that are playable at ``now``, in order."""
        while self._waiting and self._due() <= now:
            self._play()
            self._release()
        ready, self._ready = self._ready, []
        return ready

    def flush(self) -> list[T]:
        """Every frame that waits, in order: the stream has ended."""
        while self._waiting:
            self._play()
        ready, self._ready = self._ready, []
        return ready

    def reset(self) -> None:
        """Forget the stream and every frame that waits."""
        self._waiting.clear()
        self._keys.clear()
        self._ready.clear()
        self._last = None
        self._sequence.reset()
        self._timestamp.reset()

    def deadline(self) -> float | None:
        """When `pop` gives out the next frame whatever arrives (s); None if none waits."""
        return self._due() if self._waiting else None

    def _due(self) -> float:
        return min(due for _, _, due, _, _ in self._waiting)

    def _begin(self, frame: T, timestamp: int, sequence: int, duration: float) -> Arrival:
        while self._waiting:
            self._play()
        self._timestamp.reset()
        self._sequence.reset()
        self._follow((timestamp, sequence), duration, frame)
        return Arrival.ACCEPTED

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0][0] - self._expected <= ROUNDING:
            self._play()

    def _play(self) -> None:
        key, _, _, duration, frame = heapq.heappop(self._waiting)
        self._keys.discard(key)
        self._follow(key, duration, frame)

    def _follow(self, key: tuple[int, int], duration: float, frame: T) -> None:
        self._last = (self._timestamp.unwrap(key[0]), self._sequence.unwrap(key[1]))
        self._expected = key[0] + duration
        self._ready.append(frame)
