"""The sockets of one session: dial, pump, and dial again when the session says so.

Nothing is decided here: whether and when to reconnect is the session's word.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from protocol_core.liveavatar.events import ReconnectDue, SessionOpened
from reference_client.dialling import dial, wait_until_due
from reference_client.websocket import Pump, SocketClosed

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, Iterable

    from protocol_core.clock import Clock
    from protocol_core.liveavatar.client import ClientSession
    from protocol_core.liveavatar.events import Event
    from reference_client.websocket import Socket

__all__ = ["Link"]

logger = logging.getLogger(__name__)


class Link:
    """Keeps one session connected until it is over.

    Args:
        session: the session, already started by REST.
        clock: time for everything.
        deliver: takes each event, in order; must not block.
        drain: awaited before each further message is read.
        ended: called once, when the session has no socket and will not dial again.
        ssl: TLS settings; None for the default trust store.
        ping_interval: seconds between pings; None for none (LAC-IDLE-002).
        pong_limit: seconds without pong that end a socket.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        clock: Clock,
        deliver: Callable[[Event], None],
        drain: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
        ssl: ssl_module.SSLContext | None,
        ping_interval: float | None,
        pong_limit: float,
    ) -> None:
        self._session = session
        self._clock = clock
        self._forward = deliver
        self._drain = drain
        self._ended = ended
        self._ssl = ssl
        self._ping_interval = ping_interval
        self._pong_limit = pong_limit
        self._pump: Pump[Event] | None = None
        self._task: asyncio.Task[None] | None = None
        self._handshake: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Dial, and wait for the handshake.

        Raises:
            ConnectError: the socket could not be opened (LAC-RECON-004).
            HandshakeError: no session.init that fits came in time; the socket is closed.
        """
        socket = await self._dial()
        if socket is None:
            raise AssertionError("a first dial fails by an exception")
        self._handshake = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(socket), name="liveavatar link")
        try:
            await asyncio.shield(self._handshake)
        except BaseException:
            self._session.stop()
            await self.close()
            raise
        finally:
            self._handshake.cancel()
            self._handshake = None

    async def send(self, messages: Iterable[bytes | str]) -> None:
        """Send what the session handed out; waits while TCP is congested.

        Raises:
            ConnectionEndedError: the socket ended meanwhile.
        """
        if self._pump is None:
            raise self._session.send_failed(None, "")
        try:
            await self._pump.send(messages)
        except SocketClosed as end:
            raise self._session.send_failed(end.code, end.reason) from end

    async def close(self) -> None:
        """Close the socket, and wait until nothing is running. The session has been stopped."""
        task = self._task
        if task is None:
            return
        try:
            if self._pump is None:
                task.cancel()  # it waits to dial again
            elif self._session.close_to_send() is None:
                await self._pump.close()
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()  # ends TCP without a close handshake
            await asyncio.wait({task})
            raise

    def _deliver(self, event: Event) -> None:
        waiting = self._handshake
        if waiting is not None and not waiting.done():
            error = self._session.handshake_error(event)
            if error is not None:
                waiting.set_exception(error)
            elif isinstance(event, SessionOpened):
                waiting.set_result(None)
        self._forward(event)

    async def _run(self, socket: Socket | None) -> None:
        try:
            await self._keep(socket)
        except Exception as fault:
            logger.exception("the session broke by a fault of this client")
            if self._handshake is not None and not self._handshake.done():
                self._handshake.set_exception(fault)
        finally:
            self._ended()

    async def _keep(self, socket: Socket | None) -> None:
        while socket is not None:
            self._pump = Pump(
                socket,
                self._session,
                clock=self._clock,
                deliver=self._deliver,
                drain=self._drain,
                ping_interval=self._ping_interval,
                pong_limit=self._pong_limit,
            )
            try:
                await self._pump.run()
            finally:
                self._pump = None
            socket = await self._redial()

    async def _redial(self) -> Socket | None:
        """The next socket, when it is time; None if there is to be none."""
        while await wait_until_due(self._session, ReconnectDue, emit=self._emit, clock=self._clock):
            socket = await self._dial()
            if socket is not None:
                return socket
        return None

    async def _dial(self) -> Socket | None:
        """A new socket; None if this failed and is to be tried again."""
        return await dial(
            self._session,
            self._session.upgrade_request(),
            emit=self._emit,
            clock=self._clock,
            open_limit=self._session.settings.timeout,
            max_message_bytes=self._session.revision.constants.Limit.MESSAGE_BYTES,
            ssl=self._ssl,
        )

    def _emit(self, events: Iterable[Event]) -> None:
        for event in events:
            self._deliver(event)
