"""Animation frames, as something to iterate over."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from protocol_core.avatarkit.errors import AvatarKitError

__all__ = ["Frame", "FrameStream"]


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One animation message.

    Attributes:
        data: the WebSocket message exactly as received (AVK-ANIM-003).
        end: whether it is the last one of its request.
        req_id: the request it answers.
    """

    data: bytes
    end: bool
    req_id: str


class FrameStream:
    """An asynchronous iterator of frames: of one request until its last, or of a whole session.

    Attributes:
        req_id: the request; "" for all.
        complete: whether the last frame of the request has arrived.
    """

    def __init__(self, req_id: str = "", *, limit: int | None = None) -> None:
        self.req_id = req_id
        self.complete = False
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._errors: deque[AvatarKitError] = deque()
        self._ended = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """The next frame.

        Raises:
            AvatarKitError: the server reported one, and nobody listens for errors.
        """
        while True:
            if self._frames:
                self._room.set()
                return self._frames.popleft()
            if self._errors:
                raise self._errors.popleft()
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    @property
    def open(self) -> bool:
        """Whether more may come."""
        return not self._ended

    def put(self, frame: Frame) -> None:
        """Add a frame; the last one of the stream's own request ends it."""
        self._frames.append(frame)
        if self.req_id and frame.end:
            self.complete = True
            self.end()
        self._changed.set()

    def fail(self, error: AvatarKitError) -> None:
        """Have the iteration raise an error, after the frames before it."""
        self._errors.append(error)
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._changed.set()
        self._room.set()

    async def drain(self) -> None:
        """Wait while more than ``limit`` frames wait to be taken."""
        while self._limit is not None and len(self._frames) > self._limit and not self._ended:
            self._room.clear()
            await self._room.wait()
