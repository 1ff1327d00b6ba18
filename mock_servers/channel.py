"""What WebSockets and event streams have in common: output that waits, within bounds.

A channel is where messages go between a platform and one peer. Sending never blocks the caller:
the queue is drained by whoever serves the channel, or by a task of its own when a timer sent
something. Everything is journaled on its way.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from aiohttp import ClientConnectionError

from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.limits import Limits

__all__ = ["Channel", "Peer", "reset_transport"]

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class Peer(Protocol):
    """What a channel drives."""

    def opened(self) -> None:
        """The channel is open; nothing was received yet."""

    def received(self, message: bytes | str) -> None:
        """A whole message has arrived."""

    def ended(self, code: int | None, reason: str) -> None:
        """The channel is over: the close code and reason received or sent; None if neither."""


class Channel(ABC):
    """The platform's end of a WebSocket or of an event stream.

    Args:
        number: number of the channel, counted from 1 over the platform's life; None for one that
            is not journaled.
        journal: where everything is written down; None to write nothing.
        codec: names and explains messages for the journal.
        limits: bounds for waiting output.
        endpoint: name of the endpoint that it belongs to.

    Attributes:
        codec: that of the endpoint, where a platform has several channels.
        aborted: whether the platform has broken the connection off.
        received_bytes: size of the messages received.
        sent_bytes: size of the messages sent.
    """

    #: Whether its end tells why.
    has_close_codes: ClassVar[bool] = True

    def __init__(
        self,
        number: int | None,
        journal: Journal | None,
        codec: Codec,
        limits: Limits,
        endpoint: str = "",
    ) -> None:
        self.number = number
        self.codec = codec
        self.endpoint = endpoint
        self.aborted = False
        self.received_bytes = 0
        self.sent_bytes = 0
        self._journal = journal
        self._limits = limits
        self._out: deque[tuple[Callable[[], Awaitable[None]], int]] = deque()
        self._out_bytes = 0
        self._attended = False
        self._flushing = False
        self._flusher: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._transport: asyncio.Transport | None = None

    @property
    @abstractmethod
    def writable(self) -> bool:
        """Whether messages can still be sent."""

    @abstractmethod
    def send(self, message: bytes | str) -> bool:
        """Queue a message. False if the channel is closing and nothing was sent.

        Raises:
            ConfigurationError: this kind of channel cannot carry it.
        """

    @abstractmethod
    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """End the channel as its protocol ends it, once."""

    @abstractmethod
    def fail(self, reason: str) -> None:
        """End the channel because the platform itself has failed."""

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping.

        Raises:
            ConfigurationError: this kind of channel has none.
        """
        fail("ping", f"{self.endpoint or 'this channel'} is no WebSocket", payload.decode("latin1"))

    def withhold_pongs(self) -> None:
        """Leave every ping from now on unanswered.

        Raises:
            ConfigurationError: this kind of channel has none.
        """
        fail("withhold_pong", f"{self.endpoint or 'this channel'} is no WebSocket", value=True)

    def comment(self, text: str) -> None:
        """Send a comment.

        Raises:
            ConfigurationError: this kind of channel has none.
        """
        fail("comment", f"{self.endpoint or 'this channel'} is no event stream", text)

    async def flushed(self) -> None:
        """Wait until nothing waits to be written."""
        await self._idle.wait()

    def abort(self, reason: str = "") -> None:
        """Reset the TCP connection: the peer is told nothing."""
        transport = self._transport
        if transport is None or self.aborted:
            return
        self.aborted = True
        self._drop_output()
        self._note("reset", sender="server", reason=reason)
        reset_transport(transport)

    def hang_up(self) -> None:
        """Close the TCP connection; cut off a peer that has left something unread."""
        if self._transport is not None:
            self.aborted = True
            unread = bool(self._out) or self._transport.get_write_buffer_size() > 0
            (self._transport.abort if unread else self._transport.close)()

    def _note(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - as Journal.add has it
        if self._journal is not None:
            self._journal.add(kind, connection=self.number, **fields)

    def _note_message(self, message: bytes | str, sender: str, opcode: str) -> None:
        codec = self.codec
        self._note(
            "message",
            sender=sender,
            opcode=opcode,
            payload=message,
            explain=lambda: codec.decode(message, sender),
        )

    def _queue(self, write: Callable[[], Awaitable[None]], size: int) -> None:
        self._out.append((write, size))
        self._idle.clear()
        self._out_bytes += size
        if self._out_bytes > self._limits.outgoing_bytes:
            self.abort(f"the peer left {self._out_bytes} bytes unread")
        elif not self._attended and not self._flushing and self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        try:
            await self._flush()
        finally:
            self._flusher = None

    async def _flush(self) -> None:
        if self._flushing or self._transport is None:
            return
        self._flushing = True
        try:
            while self._out:
                write, size = self._out.popleft()
                self._out_bytes -= size
                self.sent_bytes += size
                await write()
        except (ConnectionError, ClientConnectionError):
            self._drop_output()  # The peer has gone; the reading side reports how.
        finally:
            self._flushing = False
            if not self._out:
                self._idle.set()

    def _drop_output(self) -> None:
        self._out.clear()
        self._out_bytes = 0
        self._idle.set()

    def _released(self) -> None:
        """The connection is over: nothing can be written any more."""
        self._transport = None
        self._drop_output()


def reset_transport(transport: asyncio.Transport) -> None:
    """End a TCP connection by a reset instead of an orderly end."""
    stream = transport.get_extra_info("socket")
    if stream is not None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
