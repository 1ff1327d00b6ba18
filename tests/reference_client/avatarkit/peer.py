"""A small AvatarKit platform for the client's tests: aiohttp around our own `ServerSession`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

from protocol_core.avatarkit import SessionConfig, events
from protocol_core.avatarkit.server import ServerSession
from protocol_core.avatarkit.tokens import (
    error_response,
    read_token_request,
    read_upgrade,
    token_response,
)
from protocol_core.http import HttpRequest, UpgradeRequest

TOKEN = "token-1"


class Link:
    """One accepted WebSocket."""

    def __init__(self, request, socket, session):
        self.request = request
        self.socket = socket
        self.session = session
        self.events = []
        self.received = []
        self.changed = asyncio.Condition()

    async def send(self, messages):
        for message in messages:
            await (self.socket.send_bytes if isinstance(message, bytes) else self.socket.send_str)(
                message
            )

    async def wait_for(self, predicate):
        async with self.changed:
            await self.changed.wait_for(lambda: any(map(predicate, self.events)))
        return next(event for event in self.events if predicate(event))

    def reset(self):
        if self.request.transport is not None:
            self.request.transport.abort()


class Peer:
    """What the tests turn: replies instead of the defaults, and whether to answer at all."""

    def __init__(self):
        self.token_reply = None
        self.upgrade_reply = None
        self.confirms = True
        self.frames = 2
        self.autoping = True
        self.gate = None
        self.waiting = asyncio.Event()
        self.token_requests = []
        self.upgrades = []
        self.links = []
        self.linked = asyncio.Condition()
        self.url = ""

    def config(self, **changes):
        settings = {
            "api_key": "key",
            "console_url": f"{self.url}/v1/console",
            "expire_at": datetime(2030, 1, 1, tzinfo=UTC),
            "app_id": "app",
            "avatar_id": "avatar",
            "ingress_url": f"{self.url}/v2/driveningress",
        }
        return SessionConfig(**settings | changes)

    async def link(self, number=0):
        async with self.linked:
            await self.linked.wait_for(lambda: len(self.links) > number)
        return self.links[number]

    async def on_token(self, request):
        call = HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            body=await request.read(),
        )
        self.token_requests.append(read_token_request(call))
        return _web(self.token_reply or token_response(TOKEN))

    async def on_upgrade(self, request):
        upgrade = UpgradeRequest(url=str(request.url), headers=dict(request.headers))
        self.upgrades.append(read_upgrade(upgrade))
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        if self.upgrade_reply is not None:
            return _web(self.upgrade_reply)
        socket = web.WebSocketResponse(autoping=self.autoping, compress=False)
        await socket.prepare(request)
        session = ServerSession(connection_id=f"conn-{len(self.links) + 1}", idle_limit=None)
        link = Link(request, socket, session)
        session.open(0.0)
        async with self.linked:
            self.links.append(link)
            self.linked.notify_all()
        async for message in socket:
            if message.type is WSMsgType.PING:
                await self._note(link, [message])
            if message.type in {WSMsgType.BINARY, WSMsgType.TEXT}:
                link.received.append(message.data)
                await self._handle(link, session.receive(message.data, 0.0))
        await self._note(link, session.closed(socket.close_code, "", 0.0))
        return socket

    @staticmethod
    async def _note(link, happened):
        async with link.changed:
            link.events += happened
            link.changed.notify_all()

    async def _handle(self, link, happened):
        for event in happened:
            if isinstance(event, events.SessionConfigured) and self.confirms:
                await link.send(link.session.confirm(0.0))
            if isinstance(event, events.AudioReceived) and event.end and self.frames:
                for number in range(self.frames):
                    await link.send(
                        link.session.send_animation(
                            event.req_id,
                            end=number == self.frames - 1,
                            frame=number.to_bytes(2, "big"),
                        )
                    )
        await link.send(link.session.data_to_send())
        close = link.session.close_to_send()
        await self._note(link, happened)
        if close is not None:
            await link.socket.close(code=close[0], message=close[1].encode())


def _web(response):
    return web.Response(status=response.status, headers=response.headers, body=response.body)


def refusal(reply):
    """A catalogued HTTP error as an answer."""
    return error_response(reply)


@asynccontextmanager
async def serve():
    peer = Peer()
    app = web.Application()
    app.router.add_post("/v1/console/session-tokens", peer.on_token)
    app.router.add_get("/v2/driveningress/websocket", peer.on_upgrade)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    peer.url = f"http://{host}:{port}"
    try:
        yield peer
    finally:
        for link in peer.links:
            if not link.socket.closed:
                link.reset()
        await runner.cleanup()
