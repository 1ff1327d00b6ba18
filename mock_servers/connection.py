"""One WebSocket connection: the pump between a socket and a session.

It decides nothing. Messages in go to the peer object, messages out wait in the channel's queue,
everything is journaled on its way, pings are answered, close frames are exchanged.
"""

from __future__ import annotations

import asyncio
import struct
from functools import partial
from typing import TYPE_CHECKING, Final

from aiohttp import WebSocketError, WSMsgType

from mock_servers.channel import Channel, Peer

if TYPE_CHECKING:
    from aiohttp import web

    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from mock_servers.limits import Limits

__all__ = ["Connection", "Peer"]


class Connection(Channel):
    """A server-side WebSocket.

    Args:
        number: number of the channel, counted from 1 over the platform's life; None for a carrier.
        journal: where everything is written down; None for a carrier, whose frames only transport
            what the platform journals by itself.
        codec: names and explains messages for the journal.
        limits: bounds for waiting output and for the closing handshake.
        endpoint: name of the endpoint that it belongs to.
    """

    def __init__(
        self,
        number: int | None,
        journal: Journal | None,
        codec: Codec,
        limits: Limits,
        endpoint: str = "",
    ) -> None:
        super().__init__(number, journal, codec, limits, endpoint)
        self.close_sent: tuple[int | None, str] | None = None
        self.answers_pings = True
        self._impatience: asyncio.TimerHandle | None = None
        self._socket: web.WebSocketResponse | None = None

    @property
    def writable(self) -> bool:
        """Whether messages can still be sent."""
        return self._transport is not None and self.close_sent is None and not self.aborted

    def send(self, message: bytes | str) -> bool:
        """Queue a message. False if the connection is closing and nothing was sent."""
        if not self.writable:
            return False
        if isinstance(message, str):
            self._note_message(message, "server", "text")
            self._frame(WSMsgType.TEXT, message.encode())
        else:
            self._note_message(message, "server", "binary")
            self._frame(WSMsgType.BINARY, message)
        return True

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping; the pong will be in the journal."""
        if self.writable:
            self._note("ping", sender="server", payload=payload)
            self._frame(WSMsgType.PING, payload)

    def withhold_pongs(self) -> None:
        """Leave every ping from now on unanswered."""
        self.answers_pings = False

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame, once. A peer that does not answer in time is cut off."""
        if not self.writable:
            return
        self.close_sent = (code, reason)
        self._note("close", sender="server", code=code, reason=reason)
        payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
        self._frame(WSMsgType.CLOSE, payload)
        self._impatience = asyncio.get_running_loop().call_later(
            self._limits.close_seconds, self._lose_patience
        )

    def fail(self, reason: str) -> None:
        """Send a close frame that says whose fault it is."""
        self.close(_INTERNAL_ERROR, reason)

    async def serve(self, request: web.BaseRequest, ws: web.WebSocketResponse, peer: Peer) -> None:
        """Run an upgraded connection until it is over."""
        self._socket = ws
        self._transport = request.transport
        end: tuple[int | None, str] | None = None
        self._note("open", source="wire")
        self._attended = True
        try:
            peer.opened()
            await self._flush()
            end = await self._read(ws, peer)
        finally:
            if self._impatience is not None:
                self._impatience.cancel()
            code, reason = end or self.close_sent or (None, "")
            self._released()
            peer.ended(code, reason)
            if self._flusher is not None:
                self._flusher.cancel()
            if request.transport is not None:
                # Flushes, then closes; aiohttp would send a second close frame of its own.
                request.transport.close()

    async def _read(self, ws: web.WebSocketResponse, peer: Peer) -> tuple[int | None, str] | None:
        while True:
            self._attended = False
            received = await ws.receive()
            self._attended = True
            kind, data = received.type, received.data
            if kind in _ENDINGS:
                return await self._ending(kind, data, received.extra)
            if kind is WSMsgType.PING:
                self._note("ping", sender="client", payload=bytes(data))
                if self.writable and self.answers_pings:
                    self._note("pong", sender="server", payload=bytes(data))
                    self._frame(WSMsgType.PONG, bytes(data))
            elif kind is WSMsgType.PONG:
                self._note("pong", sender="client", payload=bytes(data))
            else:
                self._deliver(data, peer)
            await self._flush()

    def _deliver(self, message: bytes | str, peer: Peer) -> None:
        self.received_bytes += len(message)
        self._note_message(message, "client", "text" if isinstance(message, str) else "binary")
        if self.writable:
            peer.received(message)

    async def _ending(
        self, kind: WSMsgType, data: object, extra: str | None
    ) -> tuple[int | None, str] | None:
        """Journal how the connection ended; what the peer sent, or None if it sent no close."""
        if kind is WSMsgType.CLOSE:
            code, reason = (data if isinstance(data, int) and data else None), extra or ""
            self._note("close", sender="client", code=code, reason=reason)
            if self.writable:
                self.close(code)
            await self._flush()
            return code, reason
        if isinstance(data, WebSocketError):
            # aiohttp has answered the violation by a close frame with this code.
            problem = f"the client broke the rules of WebSocket: {data}"
            self._note("close", sender="server", code=int(data.code), problems=[problem])
            self.close_sent = (int(data.code), "")
        elif not self.aborted:
            self._note("reset", sender="client")
        return None

    def _frame(self, opcode: WSMsgType, payload: bytes) -> None:
        if self._socket is not None:
            self._queue(partial(self._socket.send_frame, payload, opcode), len(payload))

    def _lose_patience(self) -> None:
        self.abort("no answer to the close frame")


#: Of RFC 6455, section 7.4.1.
_INTERNAL_ERROR: Final = 1011
_ENDINGS: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
