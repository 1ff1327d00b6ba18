"""One WebSocket of the probe: every frame in the journal, and no rule that it could not break.

RFC 6455 is left to `websockets`' protocol object as far as the peer's frames go. Our own messages
are framed here and written as they are, whatever state the connection is in.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import TYPE_CHECKING, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, InvalidURI, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from conformance.stage.base import StepUnmetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mock_servers.codec import Codec
    from mock_servers.journal import Journal

__all__ = ["ProbeSocket"]

_UPGRADED = 101
_LINGER_ZERO = struct.pack("ii", 1, 0)


class _Muted(ClientProtocol):
    """Answers no pings."""

    def send_frame(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.PONG:
            super().send_frame(frame)


class ProbeSocket(asyncio.Protocol):
    """One WebSocket, or an attempt at one.

    Args:
        number: number of the socket in the trace, from 1.
        journal: where everything is written down.
        codec: builds and explains its messages.
        endpoint: name of the endpoint, for the trace.
        pong: whether pings are answered.
    """

    def __init__(
        self, number: int, journal: Journal, codec: Codec, endpoint: str, *, pong: bool = True
    ) -> None:
        self.number = number
        self.status: int | None = None
        self._journal = journal
        self.codec = codec
        self._endpoint = endpoint
        self._kind = ClientProtocol if pong else _Muted
        self._protocol: ClientProtocol | None = None
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []
        self._opcode = Opcode.BINARY
        self._closed = False
        self._over = False  # whether how it ended stands in the journal
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_frame: dict[Opcode, Callable[[Frame], None]] = {
            Opcode.CONT: self._on_data,
            Opcode.TEXT: self._on_data,
            Opcode.BINARY: self._on_data,
            Opcode.PING: self._on_ping,
            Opcode.PONG: self._on_pong,
            Opcode.CLOSE: self._on_close,
        }
        self._answered.add_done_callback(lambda future: future.exception())

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.status == _UPGRADED and self._transport is not None and not self._closed

    async def open(
        self, url: str, headers: Mapping[str, str | None], subprotocols: Sequence[str] = ()
    ) -> None:
        """Send an upgrade and wait for the answer, whichever it is.

        Args:
            url: ``ws://`` or ``wss://`` URL.
            headers: header fields besides those of RFC 6455; None removes one of those.
            subprotocols: subprotocols to offer.

        Raises:
            StepUnmetError: there was no HTTP answer.
        """
        try:
            uri = parse_uri(url)
        except (InvalidURI, ValueError) as error:  # a port that is no number
            raise StepUnmetError(f"not a WebSocket URL: {error}") from error
        self._protocol = self._kind(
            uri,
            max_size=None,
            subprotocols=[*subprotocols] or None,  # type: ignore[list-item]  # plain strings
        )
        request = self._protocol.connect()
        for name, value in headers.items():
            if name in request.headers:
                del request.headers[name]
            if value is not None:
                request.headers[name] = value
        secure = ssl.create_default_context() if uri.secure else None
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self, uri.host, uri.port, ssl=secure)
        except OSError as error:
            raise StepUnmetError(f"cannot connect to {uri.host}:{uri.port}: {error}") from error
        self._journal.add(
            "upgrade_request",
            sender="client",
            name=self._endpoint,
            connection=self.number,
            method="GET",
            target=request.path,
            headers=dict(request.headers.raw_items()),
        )
        self._protocol.send_request(request)
        self._write_out()
        await self._answered

    def send(self, message: bytes | str) -> None:
        """Send one message, legal or not."""
        codec = self.codec
        self._journal.add(
            "message",
            sender="client",
            connection=self.number,
            opcode="text" if isinstance(message, str) else "binary",
            payload=message,
            explain=lambda: codec.decode(message, "client"),
        )
        if isinstance(message, str):
            self._frame(Opcode.TEXT, message.encode())
        else:
            self._frame(Opcode.BINARY, message)

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        self._control("ping", "client", payload)
        self._frame(Opcode.PING, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame."""
        self._journal.add(
            "close", sender="client", connection=self.number, code=code, reason=reason
        )
        self._closed = True
        try:
            # The protocol object must know, or it would answer the server's close frame by another.
            cast("ClientProtocol", self._protocol).send_close(code, reason)
        except (InvalidState, ProtocolError):
            self._frame(Opcode.CLOSE, b"" if code is None else _close_payload(code, reason))
        self._write_out()

    def reset(self) -> None:
        """Reset the TCP connection."""
        if self._transport is None:
            return
        self._journal.add("reset", sender="client", connection=self.number)
        self._closed = self._over = True
        stream = self._transport.get_extra_info("socket")
        if stream is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()

    def drop(self) -> None:
        """Let go of the connection when the scenario is over; nothing is written down."""
        if self._transport is not None:
            self._closed = self._over = True
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        assert protocol is not None  # noqa: S101 - `open` made it before it connected
        protocol.receive_data(data)
        self._take_events(protocol)
        self._write_out()

    def eof_received(self) -> bool:
        if self._protocol is not None:
            self._protocol.receive_eof()
            self._take_events(self._protocol)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._answered.done():
            why = f": {exc}" if exc is not None else ""
            self._answered.set_exception(
                StepUnmetError(f"the server closed the connection instead of answering{why}")
            )
        self._closed = True
        if not self._over:
            self._over = True
            self._journal.add("reset", sender="server", connection=self.number)

    def _take_events(self, protocol: ClientProtocol) -> None:
        for event in protocol.events_received():
            if isinstance(event, Response):
                self._upgraded(event)
            elif isinstance(event, Frame):
                self._on_frame[event.opcode](event)
        if protocol.parser_exc is not None and not self._closed:
            self._journal.note(
                f"the server broke RFC 6455: {protocol.parser_exc}", connection=self.number
            )

    def _upgraded(self, response: Response) -> None:
        self.status = response.status_code
        self._journal.add(
            "upgrade_response",
            sender="server",
            name=self._endpoint,
            connection=self.number,
            status=response.status_code,
            headers=dict(response.headers.raw_items()),
            payload=(response.body or b"").decode("utf-8", errors="replace"),
        )
        if self.status == _UPGRADED:
            self._journal.add("open", connection=self.number)
        else:
            self._closed = self._over = True
        if not self._answered.done():
            self._answered.set_result(None)

    def _on_data(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        data, self._fragments = b"".join(self._fragments), []
        message: bytes | str = data
        if self._opcode is Opcode.TEXT:
            message = data.decode("utf-8", errors="replace")
        codec = self.codec
        self._journal.add(
            "message",
            sender="server",
            connection=self.number,
            opcode="text" if isinstance(message, str) else "binary",
            payload=message,
            explain=lambda: codec.decode(message, "server"),
        )

    def _on_ping(self, frame: Frame) -> None:
        self._control("ping", "server", bytes(frame.data))
        if self._kind is not _Muted:
            self._control("pong", "client", bytes(frame.data))

    def _on_pong(self, frame: Frame) -> None:
        self._control("pong", "server", bytes(frame.data))

    def _on_close(self, frame: Frame) -> None:
        close = Close.parse(bytes(frame.data)) if frame.data else None
        code, reason = (close.code, close.reason) if close is not None else (None, "")
        answered, self._closed, self._over = not self._closed, True, True
        self._journal.add(
            "close", sender="server", connection=self.number, code=code, reason=reason
        )
        if answered:  # the protocol object does so at once
            self._journal.add("close", sender="client", connection=self.number, code=code)

    def _control(self, kind: str, sender: str, payload: bytes) -> None:
        self._journal.add(kind, sender=sender, connection=self.number, payload=payload, opcode="")

    def _frame(self, opcode: Opcode, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(Frame(opcode, payload).serialize(mask=True))

    def _write_out(self) -> None:
        protocol, transport = self._protocol, self._transport
        if protocol is None or transport is None:
            return
        for data in protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()


def _close_payload(code: int, reason: str) -> bytes:
    """The payload of a close frame, legal or not."""
    return code.to_bytes(2, "big") + reason.encode()
