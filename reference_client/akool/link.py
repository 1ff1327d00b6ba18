"""The sockets of one session: dial, pump, and dial again when the session says so.

Nothing is decided here: whom to dial, when, and when to give up is the session's word.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from protocol_core.akool import events as e
from reference_client.dialling import dial, wait_until_due
from reference_client.websocket import Pump, SocketClosed

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, Iterable

    from protocol_core.akool.client import ClientSession
    from protocol_core.clock import Clock
    from reference_client.websocket import Socket

__all__ = ["Link"]

logger = logging.getLogger(__name__)


class Link:
    """Keeps one session connected until it is over.

    Args:
        session: the session, which knows an instance.
        clock: time for everything.
        deliver: takes each event, in order; must not block.
        drain: awaited before each further message is read.
        ended: called once, when the session has no socket and will not dial again.
        ssl: TLS settings; None for the default trust store.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        clock: Clock,
        deliver: Callable[[e.Event], None],
        drain: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
        ssl: ssl_module.SSLContext | None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._forward = deliver
        self._drain = drain
        self._ended = ended
        self._ssl = ssl
        self._pump: Pump[e.Event] | None = None
        self._task: asyncio.Task[None] | None = None
        self._greeting: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Dial until the server has confirmed the connection.

        Raises:
            AkoolError: the session gave up.
        """
        greeting = self._greeting = asyncio.get_running_loop().create_future()
        task = self._task = asyncio.create_task(self._run(), name="akool link")
        try:
            await asyncio.shield(greeting)
        except BaseException:
            self._emit(self._session.leave(self._clock.now()))
            task.cancel()  # ends TCP without a close handshake: there is no session to leave
            await asyncio.wait({task})
            raise
        finally:
            greeting.cancel()
            self._greeting = None

    async def send(self, messages: Iterable[bytes | str]) -> None:
        """Send what the session handed out; waits while TCP is congested.

        Raises:
            SocketClosed: the socket ended meanwhile.
        """
        if self._pump is None:
            raise SocketClosed(None, "", "")
        await self._pump.send(messages)

    async def leave(self) -> None:
        """Leave, close the socket, and wait until nothing is running.

        When cancelled, ends TCP at once.
        """
        task = self._task
        self._emit(self._session.leave(self._clock.now()))
        if task is None:
            return
        try:
            if self._pump is None:
                task.cancel()  # it dials, or waits to dial again
            else:
                await self._say_goodbye(self._pump)
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise

    async def _say_goodbye(self, pump: Pump[e.Event]) -> None:
        try:
            await pump.send(self._session.data_to_send())
        except SocketClosed:
            return  # the pump reports it
        frame = self._session.close_to_send()
        if frame is not None:
            await pump.close(*frame)

    def _deliver(self, event: e.Event) -> None:
        waiting = self._greeting
        if waiting is not None and not waiting.done():
            if isinstance(event, e.GivenUp):
                waiting.set_exception(event.error)
            elif isinstance(event, e.Connected):
                waiting.set_result(None)
        self._forward(event)

    async def _run(self) -> None:
        try:
            await self._keep()
        except Exception as fault:
            logger.exception("the session broke by a fault of this client")
            if self._greeting is not None and not self._greeting.done():
                self._greeting.set_exception(fault)
        finally:
            self._emit(self._session.closed(None, "", self._clock.now()))  # if nobody has said so
            self._ended()

    async def _keep(self) -> None:
        due = True
        while due:
            socket = await self._dial()
            if socket is not None:
                await self._carry(socket)
            due = await self._next_turn()

    async def _carry(self, socket: Socket) -> None:
        self._pump = Pump(
            socket,
            self._session,
            clock=self._clock,
            deliver=self._deliver,
            drain=self._drain,
        )
        try:
            await self._pump.run()
        finally:
            self._pump = None

    async def _next_turn(self) -> bool:
        """Wait for the time to dial again; False if there is to be no other time."""
        return await wait_until_due(self._session, e.DialDue, emit=self._emit, clock=self._clock)

    async def _dial(self) -> Socket | None:
        """A new socket; None if the attempt failed."""
        return await dial(
            self._session,
            self._session.upgrade_request(self._clock.now()),
            emit=self._emit,
            clock=self._clock,
            open_limit=self._session.settings.connection_timeout,
            max_message_bytes=self._session.revision.constants.Limit.MESSAGE_BYTES,
            ssl=self._ssl,
        )

    def _emit(self, events: Iterable[e.Event]) -> None:
        for event in events:
            self._deliver(event)
