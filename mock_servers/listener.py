"""One listening address, on aiohttp's low-level server."""

from __future__ import annotations

import asyncio
import errno
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mock_servers.platform import Platform

    Handler = Callable[["Listener", web.BaseRequest], Awaitable[web.StreamResponse]]

__all__ = ["Listener", "WebServer", "either"]

#: Real time that peers have at the end to take what is left, in seconds.
_PATIENCE: Final = 0.2
_BACKLOG: Final = 1024
_LAST_PORT: Final = 65535


class _OwnFaults(logging.Filter):
    """Keeps what peers do wrong out of the log: it was answered, and is no fault of ours.

    The library would log it with a traceback, and with the piece of the request that it stumbled
    over, in which there may be a secret.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError)


_LOGGER: Final = logging.getLogger("understudy.http")
_LOGGER.addFilter(_OwnFaults())


class Listener:
    """An address, and whose it is.

    Args:
        handler: answers what comes in here.
        platform: the platform that every path here belongs to; None where all platforms share it.
        number: position among the platform's addresses; 0 is the shared one.
    """

    def __init__(self, handler: Handler, platform: Platform | None, number: int) -> None:
        self.platform = platform
        self.number = number
        self.port = 0
        self._web = WebServer(partial(handler, self), access_log=None, logger=_LOGGER)
        self._socket: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the address is not free, or there is no such port.
        """
        if port > _LAST_PORT:
            raise OSError(errno.EADDRNOTAVAIL, f"there is no port {port}")
        loop = asyncio.get_running_loop()
        self._socket = await loop.create_server(self._web, host, port, backlog=_BACKLOG)
        self.port = self._socket.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Take no new connections and no new requests."""
        if self._socket is not None:
            self._socket.close()
        self._web.stopping.set()
        self._web.pre_shutdown()

    async def stop(self) -> None:
        """End every connection."""
        self.refuse()
        await self._web.shutdown(timeout=_PATIENCE)
        if self._socket is not None:
            await self._socket.wait_closed()

    def lost(self, request: web.BaseRequest) -> asyncio.Event:
        """Is set once the peer of a request has gone."""
        return self._web.lost(request)

    async def until_lost(self, request: web.BaseRequest) -> None:
        """Wait until the peer of a request has gone, or the server stops."""
        await either(self._web.lost(request), self._web.stopping)


class WebServer(web.Server):
    """aiohttp's server, which tells when a peer has gone that nobody talks to."""

    def __init__(self, handler: Any, **options: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(handler, **options)
        self.stopping = asyncio.Event()
        self._lost: dict[Any, asyncio.Event] = {}

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:  # noqa: ANN401 - aiohttp's own
        super().connection_lost(handler, exc)
        if (lost := self._lost.pop(handler, None)) is not None:
            lost.set()

    def lost(self, request: web.BaseRequest) -> asyncio.Event:
        """Is set once the peer of a request has gone."""
        if request.transport is None:
            gone = asyncio.Event()
            gone.set()
            return gone
        return self._lost.setdefault(request.protocol, asyncio.Event())


async def either(*events: asyncio.Event) -> None:
    """Wait for the first of some events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
