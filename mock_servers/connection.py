"""One WebSocket connection: the pump between a socket and a session.

It decides nothing. Messages in go to the peer object, messages out wait in a queue, everything is
journaled on its way, pings are answered, close frames are exchanged. Sending never blocks the
caller: the queue is drained by the reading task after each message, or by a task of its own when a
timer sent something; its size is bounded.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import ClientConnectionError, WebSocketError, WSMsgType, web

if TYPE_CHECKING:
    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.limits import Limits

__all__ = ["Connection", "Peer"]

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class Peer(Protocol):
    """What a connection drives."""

    def opened(self) -> None:
        """The socket is open; nothing was received yet."""

    def received(self, message: bytes | str) -> None:
        """A whole message has arrived."""

    def ended(self, code: int | None, reason: str) -> None:
        """The connection is over: the close code and reason received or sent; None if neither."""


class Connection:
    """A server-side WebSocket.

    Args:
        number: number of the socket, counted from 1 over the platform's life.
        journal: where everything is written down.
        codec: names and explains messages for the journal.
        limits: bounds for waiting output and for the closing handshake.
    """

    def __init__(self, number: int, journal: Journal, codec: Codec, limits: Limits) -> None:
        self.number = number
        self.close_sent: tuple[int | None, str] | None = None
        self.aborted = False
        self.answers_pings = True
        self.received_bytes = 0
        self.sent_bytes = 0
        self._journal = journal
        self._codec = codec
        self._limits = limits
        self._out: deque[tuple[WSMsgType, bytes]] = deque()
        self._out_bytes = 0
        self._reading = False
        self._flushing = False
        self._flusher: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._impatience: asyncio.TimerHandle | None = None
        self._socket: web.WebSocketResponse | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def writable(self) -> bool:
        """Whether messages can still be sent."""
        return self._transport is not None and self.close_sent is None and not self.aborted

    async def flushed(self) -> None:
        """Wait until nothing waits to be written."""
        await self._idle.wait()

    def send(self, message: bytes | str) -> bool:
        """Queue a message. False if the connection is closing and nothing was sent."""
        if not self.writable:
            return False
        codec = self._codec
        self._journal.add(
            "message",
            sender="server",
            connection=self.number,
            opcode="text" if isinstance(message, str) else "binary",
            payload=message,
            explain=lambda: codec.decode(message, "server"),
        )
        if isinstance(message, str):
            self._queue(WSMsgType.TEXT, message.encode())
        else:
            self._queue(WSMsgType.BINARY, message)
        return True

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping; the pong will be in the journal."""
        if self.writable:
            self._control("ping", "server", payload)
            self._queue(WSMsgType.PING, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame, once. A peer that does not answer in time is cut off."""
        if not self.writable:
            return
        self.close_sent = (code, reason)
        self._journal.add(
            "close", sender="server", connection=self.number, code=code, reason=reason
        )
        payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
        self._queue(WSMsgType.CLOSE, payload)
        self._impatience = asyncio.get_running_loop().call_later(
            self._limits.close_seconds, self._lose_patience
        )

    def abort(self, reason: str = "") -> None:
        """Reset the TCP connection: the peer gets no close frame."""
        transport = self._transport
        if transport is None or self.aborted:
            return
        self.aborted = True
        self._drop_output()
        self._journal.add("reset", sender="server", connection=self.number, reason=reason)
        stream = transport.get_extra_info("socket")
        if stream is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()

    def hang_up(self) -> None:
        """Close the TCP connection; cut off a peer that has left something unread."""
        if self._transport is not None:
            self.aborted = True
            unread = bool(self._out) or self._transport.get_write_buffer_size() > 0
            (self._transport.abort if unread else self._transport.close)()

    async def serve(self, request: web.BaseRequest, ws: web.WebSocketResponse, peer: Peer) -> None:
        """Run an upgraded connection until it is over."""
        self._socket = ws
        self._transport = request.transport
        end: tuple[int | None, str] | None = None
        self._journal.add("open", connection=self.number, source="wire")
        self._reading = True
        try:
            peer.opened()
            await self._flush()
            end = await self._read(ws, peer)
        finally:
            if self._impatience is not None:
                self._impatience.cancel()
            code, reason = end or self.close_sent or (None, "")
            self._transport = None
            self._drop_output()
            peer.ended(code, reason)
            if self._flusher is not None:
                self._flusher.cancel()
            if request.transport is not None:
                # Flushes, then closes; aiohttp would send a second close frame of its own.
                request.transport.close()

    async def _read(self, ws: web.WebSocketResponse, peer: Peer) -> tuple[int | None, str] | None:
        while True:
            self._reading = False
            received = await ws.receive()
            self._reading = True
            kind, data = received.type, received.data
            if kind in _ENDINGS:
                return await self._ending(kind, data, received.extra)
            if kind is WSMsgType.PING:
                self._control("ping", "client", data)
                if self.writable and self.answers_pings:
                    self._control("pong", "server", data)
                    self._queue(WSMsgType.PONG, bytes(data))
            elif kind is WSMsgType.PONG:
                self._control("pong", "client", data)
            else:
                self._deliver(data, peer)
            await self._flush()

    def _deliver(self, message: bytes | str, peer: Peer) -> None:
        codec = self._codec
        self.received_bytes += len(message)
        self._journal.add(
            "message",
            sender="client",
            connection=self.number,
            opcode="text" if isinstance(message, str) else "binary",
            payload=message,
            explain=lambda: codec.decode(message, "client"),
        )
        if not self.writable:
            return
        peer.received(message)

    async def _ending(
        self, kind: WSMsgType, data: object, extra: str | None
    ) -> tuple[int | None, str] | None:
        """Journal how the connection ended; what the peer sent, or None if it sent no close."""
        if kind is WSMsgType.CLOSE:
            code, reason = (data if isinstance(data, int) and data else None), extra or ""
            self._journal.add(
                "close", sender="client", connection=self.number, code=code, reason=reason
            )
            if self.writable:
                self.close(code)
            await self._flush()
            return code, reason
        if isinstance(data, WebSocketError):
            # aiohttp has answered the violation by a close frame with this code.
            problem = f"the client broke the rules of WebSocket: {data}"
            self._journal.add(
                "close",
                sender="server",
                connection=self.number,
                code=int(data.code),
                problems=[problem],
            )
            self.close_sent = (int(data.code), "")
        elif not self.aborted:
            self._journal.add("reset", sender="client", connection=self.number)
        return None

    def _control(self, kind: str, sender: str, payload: bytes | bytearray) -> None:
        self._journal.add(
            kind, sender=sender, connection=self.number, payload=bytes(payload), opcode=""
        )

    def _queue(self, opcode: WSMsgType, payload: bytes) -> None:
        self._out.append((opcode, payload))
        self._idle.clear()
        self._out_bytes += len(payload)
        if self._out_bytes > self._limits.outgoing_bytes:
            self.abort(f"the peer left {self._out_bytes} bytes unread")
        elif not self._reading and not self._flushing and self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_later())

    async def _flush_later(self) -> None:
        try:
            await self._flush()
        finally:
            self._flusher = None

    async def _flush(self) -> None:
        if self._flushing or self._socket is None:
            return
        self._flushing = True
        try:
            while self._out:
                opcode, payload = self._out.popleft()
                self._out_bytes -= len(payload)
                self.sent_bytes += len(payload)
                await self._socket.send_frame(payload, opcode)
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

    def _lose_patience(self) -> None:
        self.abort("no answer to the close frame")


_ENDINGS: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
