"""A small Akool platform for the client's tests: discovery and instances, by hand on aiohttp."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from protocol_core.akool.config import ClientConfig

#: What an instance leaves out when it is told to.
GREETING, PONG, ACK, AGORA = "greeting", "pong", "ack", "agora"


def envelope(kind, **payload):
    return {"v": 2, "type": kind, "mid": f"{kind}-1", "pld": payload}


class Socket:
    """One accepted WebSocket, as an instance sees it."""

    def __init__(self, peer, request, ws):
        self.peer = peer
        self.request = request
        self.ws = ws
        self.received = []
        self.closed_with = None

    @property
    def port(self):
        return self.request.transport.get_extra_info("sockname")[1]

    def names(self):
        """The frames so far: type, and command or event."""
        return [name_of(item) for item in self.received]

    async def send(self, message):
        await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def until(self, name, count=1):
        """The count-th frame of that name that the client sends."""

        def found():
            return [item for item in self.received if name_of(item) == name][count - 1 :]

        async with self.peer.changed:
            await self.peer.changed.wait_for(found)
        return found()[0]

    async def close(self, code=1000, reason=""):
        await self.ws.close(code=code, message=reason.encode())

    def reset(self):
        self.request.transport.abort()

    async def answer(self, frame):
        """What a good instance says to a frame."""
        name, left_out = name_of(frame), self.peer.left_out
        replies = []
        if name == "auth" and GREETING not in left_out:
            replies.append(envelope("system", status="websocket_connected"))
        if name == "ping" and PONG not in left_out:
            replies.append(envelope("pong"))
        if name in {"set-params", "interrupt", "leave_channel"} and ACK not in left_out:
            replies.append(envelope("ack", original_mid=frame["mid"], status="success"))
        if name in {"set-params", "agora_params"} and AGORA not in left_out:
            replies.append(envelope("system", status="agora_connected", channel_id="room"))
        for reply in replies:
            await self.send(reply)


def name_of(frame):
    payload = frame.get("pld", {})
    return payload.get("cmd") or payload.get("event") or frame["type"]


class Peer:
    """What the tests turn: replies instead of the defaults, and what is left out."""

    def __init__(self):
        self.discovery_replies = []
        self.upgrade_replies = []
        self.left_out = set()
        self.documented = False
        self.calls = []
        self.upgrades = []
        self.sockets = []
        self.ports = []
        self.changed = asyncio.Condition()

    def config(self, **changes):
        url = f"http://127.0.0.1:{self.ports[0]}/some/path?x=1"
        given = {"api_key": "key", "avatar_id": "a", "discovery_url": url}
        return ClientConfig(**given | changes)

    @property
    def listing(self):
        if self.documented:
            services = [
                {"host": "127.0.0.1", "port": port, "status": "active"} for port in self.ports
            ]
            return {"success": True, "data": {"services": services}}
        usable = {"ip": "127.0.0.1", "avatar_id": "a", "status": "available", "healthy": True}
        instances = [{**usable, "port": port, "index": 0} for port in self.ports]
        return {"code": 1000, "data": {"instances": instances}}

    async def socket(self, number=0):
        """The number-th socket that was accepted, from 0."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.sockets) > number)
        return self.sockets[number]

    async def tell(self):
        async with self.changed:
            self.changed.notify_all()

    async def discover(self, request):
        self.calls.append(request)
        if self.discovery_replies:
            return await answered(self.discovery_replies.pop(0), request)
        return web.json_response(self.listing)

    async def instance(self, request):
        self.upgrades.append(request)
        await self.tell()
        if self.upgrade_replies:
            return await answered(self.upgrade_replies.pop(0), request)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(self, request, ws)
        self.sockets.append(socket)
        if not self.documented and GREETING not in self.left_out:
            await socket.send(envelope("system", status="websocket_connected"))
        await self.tell()
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                frame = json.loads(message.data)
                socket.received.append(frame)
                await socket.answer(frame)
            await self.tell()
        socket.closed_with = ws.close_code
        await self.tell()
        return ws


async def answered(reply, request):
    return reply if isinstance(reply, web.Response) else await reply(request)


async def reset_tcp(request):
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def platform(ports=3):
    peer = Peer()
    app = web.Application()
    app.router.add_get("/streamingAvatar/service_status", peer.discover)
    app.router.add_get("/streamingAvatar/ws/v1", peer.instance)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        for _ in range(ports):
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
        peer.ports = [address[1] for address in runner.addresses]
        yield peer
    finally:
        for socket in peer.sockets:
            if not socket.ws.closed:
                socket.reset()
        await runner.cleanup()
