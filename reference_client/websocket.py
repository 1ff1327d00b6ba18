"""The WebSocket shell: a `Socket` around `websockets`, and a `Pump` that joins it to a session.

Nothing is decided here. A session (`protocol_core`) says what to send, when its next deadline is
and whether the socket should close; the pump carries bytes one way and events the other:

    socket = await Socket.open(session.upgrade_request(), clock=clock)
    pump = Pump(socket, session, clock=clock, deliver=on_event)
    await pump.run()                # in a task; returns when the socket has ended
    await pump.send(messages)       # what session.send_...() returned; waits while TCP is congested
    await pump.close()              # 1000; run() then returns

Pings, the time limits for opening, for the pong and for the close handshake run on the injectable
clock; keepalive of the `websockets` library is off.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from protocol_core.errors import UnderstudyError
from reference_client.timers import Alarm, sleep, timeout

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from protocol_core.clock import Clock
    from protocol_core.http import UpgradeRequest

__all__ = ["ConnectFailed", "Pump", "Session", "Socket", "SocketClosed", "UpgradeRejected"]

#: RFC 6455, section 7.4.1.
NORMAL_CLOSURE = 1000
INTERNAL_ERROR = 1011

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)


class ConnectFailed(UnderstudyError):  # noqa: N818 - the name says what happened
    """No HTTP answer to the upgrade: DNS, TCP, TLS, time limit, or not HTTP at all.

    Attributes:
        reason: what went wrong, in words.
        timed_out: whether it was the time limit.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class UpgradeRejected(UnderstudyError):  # noqa: N818 - the name says what happened
    """The server answered the upgrade with something other than 101.

    Attributes:
        status: HTTP status code; redirects are not followed and arrive here, too.
        headers: header fields.
        body: response body.
    """

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class SocketClosed(UnderstudyError):  # noqa: N818 - the name says what happened
    """The socket has ended.

    Attributes:
        code: code of the close frame received, else of the one sent, else None (the connection
            was lost). A frame without a code counts as 1005 (RFC 6455, section 7.1.5). Where this
            side gave up the connection (1009, 1011), its own frame counts.
        reason: reason of the same frame; may be empty.
        initiator: ``server``, ``client``, or "" if the connection was lost.
    """

    def __init__(self, code: int | None, reason: str, initiator: str) -> None:
        super().__init__(
            "connection lost" if code is None else f"closed with {code} {reason}".strip()
        )
        self.code = code
        self.reason = reason
        self.initiator = initiator


class _Connect(connect):
    """`websockets.connect` without redirects: they would take credentials elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Socket:
    """One open client WebSocket.

    Made by `open`. All methods may be cancelled at any point; whoever opened it calls `close` or
    `abort` in the end.
    """

    def __init__(self, connection: ClientConnection, *, clock: Clock, close_limit: float) -> None:
        self._connection = connection
        self._clock = clock
        self._close_limit = close_limit

    @classmethod
    async def open(
        cls,
        request: UpgradeRequest,
        *,
        clock: Clock,
        open_limit: float | None = 10.0,
        close_limit: float = 10.0,
        max_message_bytes: int | None = 1024 * 1024,
        compression: bool = False,
        ssl: ssl_module.SSLContext | None = None,
        proxy: str | None = None,
    ) -> Self:
        """Connect and upgrade.

        Args:
            request: URL and headers, exactly as they go out.
            clock: the clock of the two limits.
            open_limit: seconds for DNS, TCP, TLS and the upgrade together; None for no limit.
            close_limit: seconds to wait for the peer's part of the close handshake.
            max_message_bytes: a longer message from the peer closes the socket with 1009.
            compression: offer permessage-deflate.
            ssl: TLS settings for ``wss``; None for the default trust store.
            proxy: URL of a proxy.

        Raises:
            UpgradeRejected: the server answered with another status than 101.
            ConnectFailed: there was no usable answer.
        """
        options: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
        try:
            attempt = _Connect(
                request.url,
                additional_headers=request.headers,
                compression="deflate" if compression else None,
                proxy=proxy,
                open_timeout=None,
                ping_interval=None,
                close_timeout=close_limit,
                max_size=max_message_bytes,
                **options,
            )
            async with timeout(clock, open_limit):
                connection = await attempt
        except InvalidStatus as error:
            response = error.response
            headers = dict(response.headers.raw_items())
            raise UpgradeRejected(response.status_code, headers, bytes(response.body)) from error
        except TimeoutError as error:
            message = f"the connection was not open within {open_limit:g} s"
            raise ConnectFailed(message, timed_out=True) from error
        except (OSError, EOFError, ValueError, WebSocketException) as error:
            raise ConnectFailed(str(error) or type(error).__name__) from error
        return cls(connection, clock=clock, close_limit=close_limit)

    async def send(self, data: bytes | str) -> None:
        """Send one message, binary for bytes and text for str; waits while TCP is congested.

        Raises:
            SocketClosed: the socket has ended.
        """
        try:
            await self._connection.send(data)
        except ConnectionClosed as end:
            raise _closed(end) from end

    async def receive(self) -> bytes | str:
        """The next message.

        Raises:
            SocketClosed: the socket has ended.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed as end:
            raise _closed(end) from end

    async def ping(self, pong_limit: float) -> float:
        """Send a ping and wait for its pong; returns the round-trip time (s).

        Raises:
            TimeoutError: no pong within ``pong_limit`` seconds.
            SocketClosed: the socket has ended.
        """
        try:
            async with timeout(self._clock, pong_limit):
                return await (await self._connection.ping())
        except ConnectionClosed as end:
            raise _closed(end) from end

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close handshake, then TCP; after ``close_limit`` without the peer's part, TCP alone.

        Harmless on a socket that has ended.
        """
        try:
            async with timeout(self._clock, self._close_limit):
                await self._connection.close(code, reason)
        except TimeoutError:
            await self.abort()

    async def abort(self) -> None:
        """End TCP at once, without a close frame."""
        self._connection.transport.abort()
        await self._connection.wait_closed()


def _closed(end: ConnectionClosed) -> SocketClosed:
    if end.rcvd is not None and (end.sent is None or end.rcvd_then_sent):
        return SocketClosed(end.rcvd.code, end.rcvd.reason, "server")
    if end.sent is None:
        return SocketClosed(None, "", "")
    # A frame that answers ours is not the reason of the end if ours says what went wrong.
    frame = end.rcvd if end.rcvd is not None and end.sent.code == NORMAL_CLOSURE else end.sent
    return SocketClosed(frame.code, frame.reason, "client")


class Session(Protocol[EventT_co]):
    """What a pump needs of a client session; see ``protocol_core/<id>/client.py``.

    Times are seconds on the pump's clock.

    opened          the socket is open; returns what to send at once
    receive         a message arrived; returns what it means
    timeout         the deadline has passed; returns what that means
    closed          the socket ended, with this code (None if the connection was lost) and reason
    deadline        when `timeout` is due; None for never
    data_to_send    answers that became due, in order; each is handed out once
    close_to_send   code and reason, once the session wants the socket closed
    """

    def opened(self, now: float) -> Sequence[bytes | str]: ...
    def receive(self, data: bytes | str, now: float) -> Sequence[EventT_co]: ...
    def timeout(self, now: float) -> Sequence[EventT_co]: ...
    def closed(self, code: int | None, reason: str, now: float) -> Sequence[EventT_co]: ...
    def deadline(self) -> float | None: ...
    def data_to_send(self) -> Sequence[bytes | str]: ...
    def close_to_send(self) -> tuple[int, str] | None: ...


class Pump(Generic[EventT]):
    """Carries messages between one socket and one session, and events to one handler.

    Args:
        socket: an open socket; the pump closes it.
        session: the session.
        clock: time for deadlines and pings.
        deliver: takes each event, in order; must not block.
        drain: awaited before each further message is read; where a slow consumer slows the peer.
        ping_interval: seconds between keepalive pings; None for none.
        pong_limit: seconds without pong after which the socket is closed with 1011.
    """

    def __init__(
        self,
        socket: Socket,
        session: Session[EventT],
        *,
        clock: Clock,
        deliver: Callable[[EventT], None],
        drain: Callable[[], Awaitable[None]] | None = None,
        ping_interval: float | None = None,
        pong_limit: float = 20.0,
    ) -> None:
        self._socket = socket
        self._session = session
        self._clock = clock
        self._deliver = deliver
        self._drain = drain
        self._ping_interval = ping_interval
        self._pong_limit = pong_limit
        self._alarm = Alarm(clock)
        self._sending = asyncio.Lock()
        self._closer: asyncio.Task[None] | None = None
        self._fault: Exception | None = None

    async def run(self) -> None:
        """Pump until the socket has ended and its last events are delivered.

        When cancelled, ends TCP without a close handshake. No task outlives the call. A fault of
        the session or of ``deliver`` ends the socket, and is raised.
        """
        helpers = [asyncio.create_task(self._watch_deadline(), name="deadline")]
        if self._ping_interval is not None:
            keepalive = self._keepalive(self._ping_interval)
            helpers.append(asyncio.create_task(keepalive, name="keepalive"))
        try:
            await self._reply(self._session.opened(self._clock.now()))
            self._alarm.set(self._session.deadline())
            while True:
                data = await self._socket.receive()
                await self._absorb(self._session.receive(data, self._clock.now()))
                if self._drain is not None:
                    await self._drain()
        except SocketClosed as end:
            self._emit(self._session.closed(end.code, end.reason, self._clock.now()))
        finally:
            # Everything is told to end before anything is waited for: this may be cancelled, too.
            self._alarm.cancel()
            if self._closer is not None:
                helpers.append(self._closer)
            for helper in helpers:
                helper.cancel()
            await self._socket.abort()
            await asyncio.gather(*helpers, return_exceptions=True)
        if self._fault is not None:
            raise self._fault

    async def send(self, messages: Iterable[bytes | str]) -> None:
        """Send what the session handed out, in one piece and in the order of the calls.

        Raises:
            SocketClosed: the socket has ended; `run` reports that, too.
        """
        self.rearm()
        async with self._sending:
            for message in messages:
                await self._socket.send(message)

    def rearm(self) -> None:
        """Look at the session's deadline again, after a call that may have moved it."""
        self._alarm.set(self._session.deadline())

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the socket; `run` returns after that."""
        await self._socket.close(code, reason)

    def _emit(self, events: Iterable[EventT]) -> None:
        for event in events:
            self._deliver(event)

    async def _reply(self, messages: Sequence[bytes | str]) -> None:
        """Send what became due. If the peer has gone, what it said before is still to be read."""
        with contextlib.suppress(SocketClosed):
            await self.send(messages)

    async def _absorb(self, events: Iterable[EventT]) -> None:
        self._emit(events)
        await self._reply(self._session.data_to_send())
        if self._closer is None and (frame := self._session.close_to_send()) is not None:
            # In a task: reading goes on, or a flooding peer's close frame would never be seen.
            self._closer = asyncio.create_task(self._socket.close(*frame), name="closer")

    async def _watch_deadline(self) -> None:
        try:
            while True:
                await self._alarm.wait()
                await self._absorb(self._session.timeout(self._clock.now()))
                self.rearm()
        except Exception as fault:  # noqa: BLE001 - `run` raises it
            self._fault = fault
            await self._socket.abort()

    async def _keepalive(self, interval: float) -> None:
        with contextlib.suppress(SocketClosed):  # the receiving side reports it
            while True:
                await sleep(self._clock, interval)
                try:
                    await self._socket.ping(self._pong_limit)
                except TimeoutError:
                    await self._socket.close(INTERNAL_ERROR, "keepalive ping timeout")
