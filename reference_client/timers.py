"""Waiting on the injectable clock.

Nothing in the clients calls ``asyncio.sleep`` or ``asyncio.timeout`` with a protocol's own time:
they wait here, on a `protocol_core.clock.Clock`, so a test or an adapter moves the time.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from protocol_core.clock import LoopClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from protocol_core.clock import Clock, Timer

__all__ = ["Alarm", "clock_or_loop", "sleep", "timeout"]


def clock_or_loop(clock: Clock | None) -> Clock:
    """The clock that was given, or that of the running event loop."""
    return LoopClock(asyncio.get_running_loop()) if clock is None else clock


class Alarm:
    """One timer that can be set, moved and taken back; a coroutine waits for it to ring.

    Args:
        clock: where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rang = asyncio.Event()
        self._timer: Timer | None = None
        self._when: float | None = None

    def set(self, when: float | None) -> None:
        """Ring at ``when`` (seconds on the clock) instead of what was set before; None: never."""
        if when == self._when and not self._rang.is_set():
            return
        self.cancel()
        if when is not None:
            self._when = when
            self._timer = self._clock.call_at(when, self._rang.set)

    def cancel(self) -> None:
        """Take the timer back; a ring that nobody has heard is forgotten, too."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._when = None
        self._rang.clear()

    async def wait(self) -> None:
        """Return when the alarm rings, and be ready to be set again."""
        await self._rang.wait()
        self.cancel()


@asynccontextmanager
async def timeout(clock: Clock, seconds: float | None) -> AsyncGenerator[None]:
    """Like `asyncio.timeout`, on ``clock``; None means no limit.

    Raises:
        TimeoutError: the block was still running after ``seconds``.
    """
    if seconds is None:
        yield
        return
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = clock.call_at(clock.now() + seconds, lambda: limit.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()


async def sleep(clock: Clock, seconds: float) -> None:
    """Return after ``seconds`` on ``clock``."""
    alarm = Alarm(clock)
    alarm.set(clock.now() + seconds)
    try:
        await alarm.wait()
    finally:
        alarm.cancel()
