"""Answers that go on: Server-Sent Events, played by a session like a WebSocket.

A platform answers a request by a `Stream`. Its headers go out at once; then a session runs on a
`StreamConnection`, which has the interface of a WebSocket's connection: what is sent becomes one
event, a close ends the stream, and plans, timers, `act` and the journal work as everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import msgspec

from mock_servers.channel import Channel
from mock_servers.listener import either
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from protocol_core import sse

if TYPE_CHECKING:
    from aiohttp import web

    from mock_servers.channel import Peer
    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.limits import Limits

__all__ = ["Stream", "StreamConnection"]


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer by an event stream.

    Attributes:
        start: makes the session that plays it.
        status: HTTP status code.
        headers: header fields; they win over the Content-Type of event streams.
        line_end: what lines end in: LF, CR or CRLF.
    """

    start: Callable[[StreamConnection], LiveSession]
    status: int = 200
    headers: dict[str, str] = {}
    line_end: str = "\n"


class StreamConnection(Channel):
    """The server's end of an event stream. Its peer sends nothing.

    Args:
        number: number of the channel, counted from 1 over the platform's life.
        journal: where everything is written down.
        codec: names and explains events for the journal.
        limits: bounds for waiting output.
        endpoint: name of the endpoint that it belongs to.
        line_end: what lines end in.
    """

    has_close_codes: ClassVar[bool] = False

    def __init__(
        self,
        number: int | None,
        journal: Journal | None,
        codec: Codec,
        limits: Limits,
        endpoint: str = "",
        *,
        line_end: str = "\n",
    ) -> None:
        super().__init__(number, journal, codec, limits, endpoint)
        self.closed = False
        self._line_end = line_end
        self._response: web.StreamResponse | None = None
        self._over = asyncio.Event()

    @property
    def writable(self) -> bool:
        """Whether events can still be sent."""
        return self._transport is not None and not self.closed and not self.aborted

    def send(self, message: bytes | str) -> bool:
        """Queue one event with this text. False if the stream has ended and nothing was sent.

        Raises:
            ConfigurationError: the message is not text.
        """
        if isinstance(message, bytes):
            fail("send", "an event stream carries text only", message.hex())
        if not self.writable:
            return False
        self._note_message(message, "server", "sse")
        self._write(sse.encode(message, line_end=self._line_end))
        return True

    def comment(self, text: str) -> None:
        """Send a comment, which keeps the connection alive.

        Raises:
            ConfigurationError: it has more than one line.
        """
        try:
            line = sse.encode_comment(text, line_end=self._line_end)
        except ValueError as error:
            fail("comment", str(error), text)
        if self.writable:
            self._note("ping", sender="server", opcode="sse", payload=text)
            self._write(line)

    def close(self, code: int | None = None, reason: str = "") -> None:  # noqa: ARG002 - as Channel has it
        """End the stream, once. Streams have no close codes: neither argument is sent."""
        if self.writable:
            self.closed = True
            self._note("close", sender="server", code=None)
            self._queue(self._finish, 0)

    def fail(self, reason: str) -> None:
        """Break the stream off, so that nobody takes it for complete."""
        self.abort(reason)

    async def serve(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        peer: Peer,
        lost: asyncio.Event,
    ) -> None:
        """Run a stream whose headers were sent, until it is over.

        Args:
            request: the request that it answers.
            response: the answer.
            peer: plays the stream.
            lost: is set when the connection is over.
        """
        self._response = response
        self._transport = request.transport
        self._note("open", source="wire")
        self._attended = True
        try:
            peer.opened()
            await self._flush()
            self._attended = False
            await either(self._over, lost)
            if not self._over.is_set() and not self.aborted:
                self._note("reset", sender="client")
        finally:
            self._released()
            peer.ended(None, "")
            if self._flusher is not None:
                self._flusher.cancel()

    def _write(self, data: bytes) -> None:
        if self._response is not None:
            self._queue(partial(self._response.write, data), len(data))

    async def _finish(self) -> None:
        if self._response is not None:
            await self._response.write_eof()
            self._over.set()
