"""Events, as something to iterate over."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

__all__ = ["EventStream"]

EventT = TypeVar("EventT")


class EventStream(Generic[EventT]):
    """An asynchronous iterator of a session's events, until the session is over.

    Also a context manager: leaving it, or `close`, ends the
    stream and lets go of what nobody took.

    Args:
        kinds: which events; none for all.
        limit: while more events than this wait to be taken, `drain` waits; a client that awaits it
            reads nothing more from its socket meanwhile, and TCP tells the platform. None for no
            limit.
    """

    def __init__(self, *kinds: type[EventT], limit: int | None = None) -> None:
        self._kinds = kinds
        self._limit = limit
        self._events: deque[EventT] = deque()
        self._ended = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        self._room.set()
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the stream now; events that wait are dropped."""
        self._events.clear()
        self.end()

    # Used by the client.

    @property
    def ended(self) -> bool:
        """Whether no event will be added any more."""
        return self._ended

    def add(self, event: object) -> None:
        """Take an event in, if it is of the kinds."""
        if not self._ended and (not self._kinds or isinstance(event, self._kinds)):
            self._events.append(event)  # type: ignore[arg-type] # of the kinds, as just checked
            self._changed.set()

    def end(self) -> None:
        """No event follows."""
        self._ended = True
        self._changed.set()
        self._room.set()

    async def drain(self) -> None:
        """Wait while more events wait than the limit allows."""
        while self._limit is not None and len(self._events) > self._limit and not self._ended:
            self._room.clear()
            await self._room.wait()
