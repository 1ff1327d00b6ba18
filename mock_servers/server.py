"""The HTTP shell: platforms, mounted side by side on one port.

It finds the platform of a path, turns aiohttp's request into an `Exchange`, journals it, and turns
the platform's answer into bytes. aiohttp's low-level server is used, without router, middleware or
runner: a platform starts in well under a millisecond.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from mock_servers.answering import SILENCE, answer
from mock_servers.connection import Connection
from mock_servers.exchange import (
    BodyTooLargeError,
    Exchange,
    json_response,
    read_body,
    text_response,
)
from mock_servers.platform import CONTROL_PATH, Platform
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from protocol_core.http import HttpResponse

    Control = Callable[[web.BaseRequest, list[str]], Awaitable[HttpResponse]]

__all__ = ["Server", "is_loopback"]

# It warns of every offered subprotocol; to select none is the rule (AVK-CONN-007, LAC-CONN-003).
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)

#: Real time that peers have at the end to take what is left, in seconds.
_PATIENCE: Final = 0.2


class Server:
    """One listening address with any number of platforms.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        control_token: token that the control API demands; required off the loopback interface.

    Attributes:
        mounts: the platforms by name.

    Raises:
        ConfigurationError: the address is not a loopback one and there is no control token.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, control_token: str = "") -> None:
        if not control_token and not is_loopback(host):
            raise ConfigurationError(
                "listening beyond this machine needs a control token",
                setting="host",
                value=host,
                hint="give a control token, or listen on 127.0.0.1",
            )
        self.mounts: dict[str, Platform] = {}
        self.control_token = control_token
        self._host = host
        self._port = port
        self._listener: asyncio.Server | None = None
        self._web: _WebServer | None = None
        self._control: Control | None = None

    def mount(self, platform: Platform) -> None:
        """Add a platform under its name.

        Raises:
            ConfigurationError: the name is taken.
        """
        if platform.name in self.mounts or platform.name == CONTROL_PATH:
            raise ConfigurationError(
                "two platforms with one name", setting="name", value=platform.name
            )
        self.mounts[platform.name] = platform

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is not free.
        """
        loop = asyncio.get_running_loop()
        self._web = _WebServer(self._handle, access_log=None)
        self._listener = await loop.create_server(self._web, self._host, self._port, backlog=1024)
        self._port = self._listener.sockets[0].getsockname()[1]
        for platform in self.mounts.values():
            platform.attach(self)

    async def stop(self) -> None:
        """End every session and stop listening. Harmless if it does not run."""
        if self._listener is None or self._web is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        self._web.stopping.set()
        self._web.pre_shutdown()
        for platform in self.mounts.values():
            await platform.detach()
        await self._web.shutdown(timeout=_PATIENCE)
        await listener.wait_closed()

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._port

    @property
    def address(self) -> str:
        """``host:port`` for URLs."""
        wildcard = self._host in {"", "0.0.0.0", "::"}  # noqa: S104 - recognised, not bound
        host = "127.0.0.1" if wildcard else self._host
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        _, _, rest = request.path.partition("/")
        name, _, below = rest.partition("/")
        if name == CONTROL_PATH:
            return _to_web(await self._controlled(request, below))
        platform = self.mounts.get(name)
        if platform is None and len(self.mounts) == 1:
            # Whoever goes astray on a platform's own server is meant to be seen in its journal.
            platform = next(iter(self.mounts.values()))
            below = f"../{rest}"
        if platform is None:
            return _to_web(_nothing_here(request.path, self.mounts))
        endpoint, upgrade = platform.route(request.method, f"/{below}") or ("", None)
        wants_upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        try:
            body = await read_body(request, platform.limits.body_bytes)
        except BodyTooLargeError:
            return _to_web(text_response("request body too large", 413))
        exchange = Exchange(
            endpoint=endpoint,
            method=request.method,
            path=f"/{below}",
            target=request.raw_path,
            query=dict(request.query),
            headers=request.headers,
            body=body,
        )
        if upgrade is None:
            refusal = _nothing_here(request.path, self.mounts)
            return _to_web(_refuse(platform, exchange, refusal, upgrade=wants_upgrade))
        if upgrade and not wants_upgrade:
            refusal = text_response("this path is a WebSocket", 426, {"Upgrade": "websocket"})
            return _to_web(_refuse(platform, exchange, refusal, upgrade=False))
        handler = self._upgrade if upgrade else self._answer
        return await handler(platform, exchange, request)

    async def _answer(
        self, platform: Platform, exchange: Exchange, request: web.BaseRequest
    ) -> web.StreamResponse:
        _journal_request(platform, exchange)
        reply = await answer(platform, exchange, upgrade=False)
        if reply is None or isinstance(reply, str):
            return await self._refuse_to_answer(platform, reply, request, None)
        _journal_response(platform, exchange, reply)
        return _to_web(reply)

    async def _upgrade(
        self, platform: Platform, exchange: Exchange, request: web.BaseRequest
    ) -> web.StreamResponse:
        number = platform.next_socket()
        _journal_request(platform, exchange, number)
        if len(platform.sessions) >= platform.limits.connections:
            reply: HttpResponse | str | None = text_response("too many connections", 503)
        else:
            reply = await answer(platform, exchange, upgrade=True)
        if isinstance(reply, str):
            return await self._refuse_to_answer(platform, reply, request, number)
        if reply is not None:
            _journal_response(platform, exchange, reply, number)
            return _to_web(reply)
        limits = platform.limits
        ws = web.WebSocketResponse(
            autoping=False,
            autoclose=False,
            compress=platform.compression,
            # aiohttp refuses messages of this size, not only those above it.
            max_msg_size=(limits.message_bytes or platform.message_bytes) + 1,
            timeout=limits.close_seconds,
        )
        connection = Connection(number, platform.journal, platform.codec, limits)
        session = platform.start_session(exchange, connection)
        try:
            await ws.prepare(request)
        except (web.HTTPException, ConnectionError):
            # No handshake of RFC 6455, or the peer has gone; what the session holds is freed.
            session.ended(None, "")
            raise
        platform.journal.add(
            "upgrade_response",
            sender="server",
            name=exchange.endpoint,
            connection=number,
            status=101,
            headers=dict(ws.headers),
        )
        platform.sessions.append(session)
        await connection.serve(request, ws, session)
        return ws

    async def _refuse_to_answer(
        self,
        platform: Platform,
        how: str | None,
        request: web.BaseRequest,
        connection: int | None,
    ) -> web.StreamResponse:
        transport = request.transport
        if how == SILENCE and self._web is not None:
            await self._web.until_lost(request)
        elif transport is not None:
            platform.journal.add("reset", sender="server", connection=connection)
            stream = transport.get_extra_info("socket")
            if stream is not None:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        # Nobody will see this: the peer has gone, or the server stops.
        return web.Response(status=503)

    async def _controlled(self, request: web.BaseRequest, below: str) -> HttpResponse:
        if self._control is None:
            from mock_servers.control import ControlApi

            self._control = ControlApi(self).handle
        return await self._control(request, [part for part in below.split("/") if part])


class _WebServer(web.Server):
    """aiohttp's server, which tells when a peer has gone that nobody talks to."""

    def __init__(self, handler: Any, **options: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(handler, **options)
        self.stopping = asyncio.Event()
        self._lost: dict[Any, asyncio.Event] = {}

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:  # noqa: ANN401 - aiohttp's own
        super().connection_lost(handler, exc)
        if (lost := self._lost.pop(handler, None)) is not None:
            lost.set()

    async def until_lost(self, request: web.BaseRequest) -> None:
        """Wait until the peer of a request has gone, or the server stops."""
        lost = self._lost.setdefault(request.protocol, asyncio.Event())
        waits = [asyncio.ensure_future(event.wait()) for event in (lost, self.stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _journal_request(platform: Platform, exchange: Exchange, connection: int | None = None) -> None:
    codec = platform.codec
    platform.journal.add(
        "http_request" if connection is None else "upgrade_request",
        sender="client",
        name=exchange.endpoint,
        connection=connection,
        method=exchange.method,
        target=exchange.target,
        headers=dict(exchange.headers),
        payload=_text(exchange.body),
        explain=lambda: codec.document(exchange.endpoint, exchange.body, response=False),
    )


def _journal_response(
    platform: Platform, exchange: Exchange, reply: HttpResponse, connection: int | None = None
) -> None:
    codec = platform.codec
    platform.journal.add(
        "http_response" if connection is None else "upgrade_response",
        sender="server",
        name=exchange.endpoint,
        connection=connection,
        status=reply.status,
        headers=dict(reply.headers),
        payload=_text(reply.body),
        explain=lambda: codec.document(exchange.endpoint, reply.body, response=True),
    )


def _refuse(
    platform: Platform, exchange: Exchange, reply: HttpResponse, *, upgrade: bool
) -> HttpResponse:
    """Journal a request that no endpoint is there for, and its answer."""
    number = platform.next_socket() if upgrade else None
    _journal_request(platform, exchange, number)
    _journal_response(platform, exchange, reply, number)
    return reply


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _to_web(reply: HttpResponse) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)


def _nothing_here(path: str, mounts: dict[str, Platform]) -> HttpResponse:
    return json_response(
        {"error": f"nothing is served at {path}", "platforms": sorted(mounts)}, 404
    )


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
