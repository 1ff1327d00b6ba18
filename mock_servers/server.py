"""The HTTP shell: platforms, mounted side by side on one port.

It finds the platform of a path, turns aiohttp's request into an `Exchange`, journals it, and turns
the platform's answer into bytes. aiohttp's low-level server is used, without router, middleware or
runner: a platform starts in well under a millisecond.

Most platforms share one address, each below its own name. One whose clients keep only a host and a
port of what they are told answers paths at the root, and may have further addresses of its own; on
these, every path is its.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mock_servers.exchange import (
    BodyTooLargeError,
    Exchange,
    json_response,
    read_body,
    text_response,
)
from mock_servers.hosts import is_loopback, reachable, url_host
from mock_servers.listener import Listener
from mock_servers.platform import CONTROL_PATH, Platform
from mock_servers.serving import Call, refuse, serve_request, serve_upgrade, to_web
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from protocol_core.http import HttpResponse

    Control = Callable[[web.BaseRequest, list[str]], Awaitable[HttpResponse]]

__all__ = ["Server"]

# It warns of every offered subprotocol; to select none is the rule (AVK-CONN-007, LAC-CONN-003).
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


class Server:
    """One listening address with any number of platforms, and whatever else they want.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes a free one. Further addresses of platforms have the ports
            behind it, in the order in which platforms were mounted.
        control_token: token that the control API demands; required off the loopback interface.
        advertise: host name or address in the URLs that clients are given; by default the one
            listened on, or this machine's own where that is every one.

    Attributes:
        mounts: the platforms by name.

    Raises:
        ConfigurationError: the address is not a loopback one and there is no control token.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_token: str = "",
        advertise: str = "",
    ) -> None:
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
        self._fixed = port != 0
        self._advertised = advertise or reachable(host)
        self._listeners: list[Listener] = []
        self._control: Control | None = None

    def mount(self, platform: Platform) -> None:
        """Add a platform under its name.

        Raises:
            ConfigurationError: the name is taken, or a path that it answers at the root.
        """
        if platform.name in self.mounts or platform.name == CONTROL_PATH:
            raise ConfigurationError(
                "two platforms with one name", setting="name", value=platform.name
            )
        others = tuple(self.mounts.values())
        taken = [CONTROL_PATH, platform.name, *self.mounts]
        roots = [path for other in others for path in other.root_paths]
        for path in platform.root_paths:
            if _first(path) in taken or any(_covers(a, path) or _covers(path, a) for a in roots):
                raise ConfigurationError(
                    "two platforms answer one path at the root", setting="root_paths", value=path
                )
        if platform.name in map(_first, roots):
            raise ConfigurationError(
                "the name of a platform is a path at the root of another one",
                setting="name",
                value=platform.name,
            )
        self.mounts[platform.name] = platform

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: an address is not free.
        """
        try:
            self._port = await self._listen(self._port, None, 0)
            following = self._port + 1 if self._fixed else 0
            for platform in self.mounts.values():
                for number in range(1, platform.extra_ports + 1):
                    await self._listen(following, platform, number)
                    following += bool(following)
        except BaseException:
            await self._stop_listening()
            raise
        for platform in self.mounts.values():
            platform.attach(self)

    async def stop(self) -> None:
        """End every session and stop listening. Harmless if it does not run."""
        if not self._listeners:
            return
        for listener in self._listeners:
            listener.refuse()
        for platform in self.mounts.values():
            await platform.detach()
        await self._stop_listening()

    @property
    def port(self) -> int:
        """The port that all platforms share."""
        return self._port

    @property
    def address(self) -> str:
        """``host:port`` for URLs, of the address that all platforms share."""
        return f"{url_host(self._advertised)}:{self._port}"

    def addresses(self, platform: Platform) -> tuple[str, ...]:
        """``host:port`` of the shared address and of the platform's own, in order."""
        own = [each.port for each in self._listeners if each.platform is platform]
        return tuple(f"{url_host(self._advertised)}:{port}" for port in (self._port, *own))

    async def _listen(self, port: int, platform: Platform | None, number: int) -> int:
        listener = Listener(self._handle, platform, number)
        await listener.start(self._host, port)
        self._listeners.append(listener)
        return listener.port

    async def _stop_listening(self) -> None:
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.stop()

    def _find(self, path: str, listener: Listener) -> tuple[Platform, str] | None:
        """The platform that a path belongs to, and the path as that platform sees it."""
        if listener.platform is not None:
            return listener.platform, path
        name, _, below = path.removeprefix("/").partition("/")
        if name in self.mounts:
            return self.mounts[name], f"/{below}"
        for platform in self.mounts.values():
            if any(_covers(root, path) for root in platform.root_paths):
                return platform, path
        if len(self.mounts) == 1:
            # Whoever goes astray on a platform's own server is meant to be seen in its journal.
            return next(iter(self.mounts.values())), f"/..{path}"
        return None

    async def _handle(self, listener: Listener, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if listener.platform is None and _first(path) == CONTROL_PATH:
            return to_web(await self._controlled(request, path))
        found = self._find(path, listener)
        if found is None:
            return to_web(_nothing_here(path, self.mounts))
        platform, below = found
        endpoint, upgrade = platform.route(request.method, below) or ("", None)
        wants_upgrade = "websocket" in request.headers.get("Upgrade", "").lower()
        try:
            body = await read_body(request, platform.limits.body_bytes)
        except BodyTooLargeError:
            return to_web(text_response("request body too large", 413))
        exchange = Exchange(
            endpoint=endpoint,
            method=request.method,
            path=below,
            target=request.raw_path,
            query=dict(request.query),
            headers=request.headers,
            body=body,
            listener=listener.number,
        )
        call = Call(platform=platform, exchange=exchange, request=request, listener=listener)
        if upgrade is None:
            return refuse(call, _nothing_here(path, self.mounts), upgrade=wants_upgrade)
        if upgrade and not wants_upgrade:
            refusal = text_response("this path is a WebSocket", 426, {"Upgrade": "websocket"})
            return refuse(call, refusal, upgrade=False)
        return await (serve_upgrade if upgrade else serve_request)(call)

    async def _controlled(self, request: web.BaseRequest, path: str) -> HttpResponse:
        if self._control is None:
            from mock_servers.control import ControlApi

            self._control = ControlApi(self).handle
        _, *parts = (part for part in path.split("/") if part)
        return await self._control(request, parts)


def _first(path: str) -> str:
    """The first segment of a path."""
    return path.removeprefix("/").partition("/")[0]


def _covers(root: str, path: str) -> bool:
    """Whether a path is this one or below it."""
    return path == root or path.startswith(f"{root.rstrip('/')}/")


def _nothing_here(path: str, mounts: dict[str, Platform]) -> HttpResponse:
    return json_response(
        {"error": f"nothing is served at {path}", "platforms": sorted(mounts)}, 404
    )
