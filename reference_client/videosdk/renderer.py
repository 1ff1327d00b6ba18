"""What turns speech into an avatar: the contract of a renderer, and one that passes speech through.

A worker pushes frames of audio and end marks in, and takes audio, pictures and the marks out again,
each mark behind all that was rendered before it. A reset throws away what is inside.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

from protocol_core.videosdk.worker import Frame, Mark
from reference_client.videosdk.tracks import Picture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from protocol_core.clock import Clock

__all__ = ["PassThrough", "Picture", "Rendered", "Renderer"]

Rendered = Frame | Picture | Mark


class Renderer(Protocol):
    """An avatar's renderer."""

    async def push(self, item: Frame | Mark) -> None:
        """Take audio, or the end of a segment. May wait, which keeps the rest in the queue."""
        ...

    async def reset(self) -> None:
        """Throw away everything inside, at once (VSD-INT-004)."""
        ...

    def __aiter__(self) -> AsyncIterator[Rendered]:
        """Audio and pictures as they are rendered, and each mark once all before it was."""
        ...


class PassThrough:
    """Renders nothing: the speech comes out as it went in, without pictures.

    Args:
        clock: what it is paced by.
        pace: whether audio takes as long as it lasts (VSD-MEDIA-004); else it is through at once.
    """

    def __init__(self, clock: Clock, *, pace: bool = True) -> None:
        self._clock = clock
        self._pace = pace
        self._waiting: deque[Frame | Mark] = deque()
        self._news = asyncio.Event()
        self._resets = 0
        self._free_at = 0.0

    async def push(self, item: Frame | Mark) -> None:
        """Take one thing."""
        self._waiting.append(item)
        self._news.set()

    async def reset(self) -> None:
        """Throw away what waits."""
        self._waiting.clear()
        self._resets += 1
        self._free_at = 0.0
        self._news.set()

    def __aiter__(self) -> AsyncIterator[Rendered]:
        return self._render()

    async def _render(self) -> AsyncGenerator[Rendered]:
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            resets = self._resets
            await self._until(self._free_at)
            if resets != self._resets:
                continue
            item = self._waiting.popleft()
            if self._pace and isinstance(item, Frame):
                # The next frame follows without a gap, however late we were woken.
                late = self._clock.now() - self._free_at
                begins = self._free_at if 0 <= late < item.seconds else self._clock.now()
                self._free_at = begins + item.seconds
            yield item

    async def _until(self, moment: float) -> None:
        """Wait for a moment, or for a reset."""
        resets = self._resets
        while self._clock.now() < moment and resets == self._resets:
            self._news.clear()
            timer = self._clock.call_at(moment, self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()
