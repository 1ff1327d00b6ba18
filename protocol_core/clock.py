"""The clock port: time that tests, mock platforms and adapters may move.

Sessions take ``now`` as a parameter and answer ``deadline()``; a shell asks its clock for the time
and arms one timer for the next deadline. Three clocks fit the port:

LoopClock       real time, from an event loop
ShiftableClock  real time plus an offset that ``advance`` moves from timer to timer, in order;
                may be frozen. Mock platforms run on it: two idle minutes pass at once while real
                clients stay connected.
ManualClock     time that moves only by ``advance``

No clock imports asyncio: an event loop is anything with ``time`` and ``call_at``.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "Loop", "LoopClock", "ManualClock", "ShiftableClock", "Timer"]


class Timer(Protocol):
    """A callback that waits for its moment."""

    def cancel(self) -> None:
        """Do not call back. Harmless if it has fired already."""
        ...


class Loop(Protocol):
    """What a clock needs of an event loop."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer: ...


class Clock(Protocol):
    """A source of time and of timers. All times are seconds on the clock's own axis."""

    def now(self) -> float:
        """The current time."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back once ``now()`` has reached ``when``."""
        ...


class LoopClock:
    """Real time, as the event loop counts it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        return self._loop.call_at(when, callback)


class _Alarm:
    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Time that stands still until somebody advances it."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        alarm = _Alarm(when, callback)
        heapq.heappush(self._alarms, (when, next(self._order), alarm))
        return alarm

    def next_deadline(self) -> float | None:
        """When the earliest timer is due, or None if none waits."""
        while self._alarms and self._alarms[0][2].cancelled:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def advance(self, seconds: float) -> None:
        """Move time forward, firing the timers on the way in order, each at its own time.

        Raises:
            ValueError: ``seconds`` is negative.
        """
        self._advance_to(self._now + _forward(seconds))

    def _advance_to(self, target: float) -> None:
        while (due := self.next_deadline()) is not None and due <= target:
            self._now = max(self._now, due)
            heapq.heappop(self._alarms)[2].callback()
        self._now = max(self._now, target)


class ShiftableClock(ManualClock):
    """Real time that can also be moved by hand.

    Args:
        loop: the event loop that supplies real time and wakes the clock up.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._offset = -loop.time()
        self._frozen_at: float | None = None
        self._wake_up: Timer | None = None
        super().__init__(start=0.0)

    @property
    def frozen(self) -> bool:
        """Whether time moves only by ``advance``."""
        return self._frozen_at is not None

    def now(self) -> float:
        if self._frozen_at is not None:
            return self._frozen_at
        # While timers fire, time stands at the timer's own moment, not behind it.
        return max(self._now, self._loop.time() + self._offset)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        alarm = super().call_at(when, callback)
        self._arm()
        return alarm

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass now; see `ManualClock.advance`. Works while frozen, too."""
        start = self.now()
        target = start + _forward(seconds)
        while (due := self.next_deadline()) is not None and due <= target:
            self._set(max(self.now(), due))
            heapq.heappop(self._alarms)[2].callback()
        self._set(target)
        self._arm()

    def freeze(self) -> None:
        """Stop the flow of real time."""
        self._frozen_at = self.now()
        self._disarm()

    def resume(self) -> None:
        """Let real time flow again from where it stands."""
        if self._frozen_at is not None:
            moment, self._frozen_at = self._frozen_at, None
            self._set(moment)
            self._arm()

    def stop(self) -> None:
        """Drop every timer; nothing of the clock stays behind in the loop."""
        self._alarms.clear()
        self._disarm()

    def _set(self, moment: float) -> None:
        self._now = moment
        if self._frozen_at is None:
            self._offset = moment - self._loop.time()
        else:
            self._frozen_at = moment

    def _arm(self) -> None:
        self._disarm()
        due = self.next_deadline()
        if due is not None and not self.frozen:
            self._wake_up = self._loop.call_at(due - self._offset, self._on_wake_up)

    def _disarm(self) -> None:
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None

    def _on_wake_up(self) -> None:
        self._wake_up = None
        self._advance_to(self._loop.time() + self._offset)
        self._arm()


def _forward(seconds: float) -> float:
    if seconds < 0:
        message = f"time cannot run backwards: {seconds} s"
        raise ValueError(message)
    return seconds
