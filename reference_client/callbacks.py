"""User callbacks, kept away from the receive loop.

A callback may be a function or a coroutine function, may be slow, may fail, may call back into the
client. So callbacks run one after the other in a task of their own, in the order of what they
report; a failing one is logged with its traceback and the next one still runs. The queue is
bounded by `Callbacks.drain`: a receive loop that waits there stops reading, and TCP tells the peer.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Callbacks"]

logger = logging.getLogger(__name__)


class Callbacks:
    """Runs user callbacks in order, each one isolated.

    Args:
        limit: how many calls may wait before `drain` makes the caller wait, too.
    """

    def __init__(self, *, limit: int = 256) -> None:
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._limit = limit
        self._running = False
        self._closing = False
        self._hurry = False
        self._aborted = False
        self._patience: asyncio.Timeout | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def inside(self) -> bool:
        """Whether the caller runs inside a callback."""
        return self._task is not None and asyncio.current_task() is self._task

    @property
    def idle(self) -> bool:
        """Whether every call so far has returned."""
        return not self._waiting and not self._running

    def call(self, callback: Callable[..., object] | None, *args: object) -> None:
        """Queue one call; None is nobody to call."""
        if callback is None:
            return
        self._waiting.append((callback, args))
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="callbacks")

    def hurry(self) -> None:
        """Let nobody wait in `drain` any more: the end is near."""
        self._hurry = True
        self._progress.set()

    async def drain(self) -> None:
        """Wait while more than ``limit`` calls are queued."""
        while len(self._waiting) > self._limit and not self._hurry:
            self._progress.clear()
            await self._progress.wait()

    async def settle(self) -> None:
        """Wait until every queued call has returned; at once when called inside a callback."""
        while not self.idle and not self.inside:
            self._progress.clear()
            await self._progress.wait()

    def abort(self) -> None:
        """Give no callback time to wait any more, not the running one either."""
        self._aborted = True
        patience, self._patience = self._patience, None
        if patience is not None:
            patience.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        """Run what is queued, then end the task. Inside a callback it ends after that callback.

        When cancelled, what is queued is still run, but given no time to wait.
        """
        self._closing = True
        self._wake.set()
        self.hurry()
        if self._task is None or self.inside:
            return
        try:
            await asyncio.wait((self._task,))
        except asyncio.CancelledError:
            self.abort()
            await asyncio.wait((self._task,))
            raise

    async def _run(self) -> None:
        while True:
            while self._waiting:
                callback, args = self._waiting.popleft()
                self._running = True
                try:
                    await self._isolated(callback, args)
                finally:
                    self._running = False
                    self._progress.set()
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _isolated(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            result = callback(*args)
            if inspect.isawaitable(result):
                async with asyncio.timeout(0 if self._aborted else None) as self._patience:
                    await result
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            logger.exception("a callback was cancelled from inside: %r", callback)
        except Exception:
            logger.exception("a callback failed: %r", callback)
        finally:
            self._patience = None
