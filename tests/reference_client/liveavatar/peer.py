"""A small Live Avatar platform for the client's tests: aiohttp around our own `ServerSession`."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from protocol_core.liveavatar.config import ClientConfig
from protocol_core.liveavatar.server import ServerConfig, ServerSession

SESSION_ID = "session-1"


class Socket:
    """One accepted WebSocket, as the platform sees it."""

    def __init__(self, request, ws, session, changed):
        self.request = request
        self.ws = ws
        self.session = session
        self.events = []
        self.received = []
        self.closed_with = None
        self.pings = 0
        self._changed = changed

    async def send(self, *messages):
        """Send texts, dicts as JSON, or bytes."""
        for message in messages:
            if isinstance(message, bytes):
                await self.ws.send_bytes(message)
            else:
                await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def until(self, predicate):
        """Wait until this socket is as wished; returns what the predicate does."""
        async with self._changed:
            await self._changed.wait_for(lambda: predicate(self))
        return predicate(self)

    async def message(self, name, count=1):
        """The count-th event of that name that the agent sends."""

        def found(socket):
            texts = [json.loads(item) for item in socket.received if isinstance(item, str)]
            return [text for text in texts if text["event"] == name][count - 1 :]

        return (await self.until(found))[0]

    def names(self):
        """What the agent has sent: event names, and "frame" for binary messages."""
        return [
            json.loads(item)["event"] if isinstance(item, str) else "frame"
            for item in self.received
        ]

    async def close(self, code=1000, reason=""):
        await self.ws.close(code=code, message=reason.encode())

    def reset(self):
        self.request.transport.abort()


class Peer:
    """What the tests turn: replies instead of the defaults, and whether to answer at all."""

    def __init__(self):
        self.start_replies = []
        self.stop_reply = None
        self.upgrade_replies = []
        self.opens = True
        self.autoping = True
        self.starts = []
        self.stops = []
        self.upgrades = []
        self.sockets = []
        self.log = []
        self.changed = asyncio.Condition()
        self.url = ""
        self.session = None

    def config(self, **changes):
        return ClientConfig(**{"api_key": "key", "avatar_id": "a", "base_url": self.url} | changes)

    async def socket(self, number=0):
        """The number-th socket that was accepted, from 0."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.sockets) > number)
        return self.sockets[number]

    async def tell(self):
        async with self.changed:
            self.changed.notify_all()

    async def start(self, request):
        self.starts.append((dict(request.headers), await request.json()))
        self.log.append("start")
        if self.start_replies:
            reply = self.start_replies.pop(0)
            return reply if isinstance(reply, web.Response) else await reply(request)
        self.session = ServerSession(ServerConfig(session_id=SESSION_ID, user_id="user-1"))
        data = {
            "sessionId": SESSION_ID,
            "sfuUrl": "wss://sfu",
            "userToken": "user-token",
            "agentWsUrl": f"{self.url.replace('http', 'ws', 1)}/agent?secret=s3cret",
        }
        return web.json_response({"code": 0, "message": "success", "data": data})

    async def stop(self, request):
        self.stops.append(await request.json())
        self.log.append("stop")
        await self.tell()
        return self.stop_reply or web.json_response({"code": 0, "message": "success"})

    async def agent(self, request):
        self.upgrades.append(request)
        await self.tell()
        if self.upgrade_replies:
            reply = self.upgrade_replies.pop(0)
            return reply if isinstance(reply, web.Response) else await reply(request)
        ws = web.WebSocketResponse(autoping=self.autoping)
        await ws.prepare(request)
        socket = Socket(request, ws, self.session, self.changed)
        if self.opens:
            await socket.send(*self.session.open(0.0))
        self.sockets.append(socket)
        await self.tell()
        async for message in ws:
            if message.type is WSMsgType.PING:
                socket.pings += 1
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                socket.received.append(message.data)
                socket.events += self.session.receive(message.data, 0.0)
                await socket.send(*self.session.data_to_send())
            await self.tell()
        socket.closed_with = ws.close_code
        self.log.append("closed")
        self.session.closed(ws.close_code, "", 0.0)
        await self.tell()
        return ws


@asynccontextmanager
async def platform():
    peer = Peer()
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/session/start", peer.start),
            web.post("/v1/session/stop", peer.stop),
            web.get("/agent", peer.agent),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = site._server.sockets[0].getsockname()[:2]
    peer.url = f"http://{host}:{port}"
    try:
        yield peer
    finally:
        await runner.cleanup()


ids = itertools.count(1)
