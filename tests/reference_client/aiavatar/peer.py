"""A small AIAvatarKit server for the clients' tests: says what a test lets it say."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from protocol_core.aiavatar.config import ClientConfig
from protocol_core.sse import encode

MODEL = ("user_id", "context_id", "text", "voice_text", "avatar_control_request", "audio_data")


def event(kind, **members):
    """An event with every member of the model."""
    base = {"type": kind, "session_id": "session-1", **dict.fromkeys(MODEL), "metadata": {}}
    return {**base, "context_id": "context-1", **members}


def start(asked="Hello", **members):
    return event("start", metadata={"request_text": asked}, **members)


def chunk(text, **members):
    return event("chunk", text=text, voice_text=text, **members)


def final(text):
    return event("final", text=text, voice_text=text)


def answer(text="Hi."):
    """One turn that goes well."""
    return [start(), chunk(text), final(text)]


class Stream:
    """One answer over HTTP, while it is being given."""

    def __init__(self, response):
        self._response = response

    async def say(self, *events):
        for item in events:
            text = item if isinstance(item, str) else json.dumps(item)
            await self._response.write(encode(text))


class Socket:
    """One accepted WebSocket, as the server sees it."""

    def __init__(self, request, ws, changed):
        self.request = request
        self.ws = ws
        self.received = []
        self.closed_with = None
        self._changed = changed

    async def send(self, *messages):
        for message in messages:
            if isinstance(message, bytes):
                await self.ws.send_bytes(message)
            else:
                await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def message(self, kind, count=1):
        """The count-th message of that type that the client sends."""

        def found():
            return [item for item in self.received if item["type"] == kind][count - 1 :]

        async with self._changed:
            await self._changed.wait_for(found)
        return found()[0]

    def types(self):
        return [item["type"] for item in self.received]

    async def close(self, code=1000, reason=""):
        await self.ws.close(code=code, message=reason.encode())

    def reset(self):
        self.request.transport.abort()


class Peer:
    """What the tests turn.

    Attributes:
        turns: for each POST in order, its events, or a coroutine function over its `Stream`.
        replies: answers instead of a stream, or of the other endpoints, in order.
        connects: whether start is answered by connected.
        upgrades: answers instead of a WebSocket, in order.
    """

    def __init__(self):
        self.turns = []
        self.replies = []
        self.connects = True
        self.stops = True
        self.upgrades = []
        self.posts = []
        self.sockets = []
        self.changed = asyncio.Condition()
        self.address = ""

    def config(self, **changes):
        urls = {"http": f"http://{self.address}", "websocket": f"ws://{self.address}"}
        return ClientConfig(**{"session_id": "session-1", **urls} | changes)

    async def socket(self, number=0):
        """The number-th socket that was accepted, from 0."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.sockets) > number)
        return self.sockets[number]

    async def post(self, number=0):
        """The number-th POST, from 0."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.posts) > number)
        return self.posts[number]

    async def chat(self, request):
        await self._note(self.posts, (dict(request.headers), await request.json()))
        if self.replies:
            return await self._reply(request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        script = self.turns.pop(0) if self.turns else answer()
        stream = Stream(response)
        if callable(script):
            await script(stream, request)
        else:
            await stream.say(*script)
        return response

    async def other(self, request):
        await self._note(self.posts, (dict(request.headers), await request.read()))
        return await self._reply(request)

    async def talk(self, request):
        if self.upgrades:
            return self.upgrades.pop(0)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(request, ws, self.changed)
        await self._note(self.sockets, socket)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                document = json.loads(message.data)
                await self._note(socket.received, document)
                await self._react(socket, document["type"])
        await self._note([], None)
        socket.closed_with = ws.close_code
        return ws

    async def _react(self, socket, kind):
        if kind == "start" and self.connects:
            await socket.send(event("connected"))
        elif kind == "stop" and self.stops:
            await socket.close()

    async def _reply(self, request):
        reply = self.replies.pop(0)
        return await reply(request) if callable(reply) else reply

    async def _note(self, where, what):
        where.append(what)
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def server():
    """A peer that runs."""
    peer = Peer()
    app = web.Application()
    app.router.add_post("/chat", peer.chat)
    app.router.add_post("/transcribe", peer.other)
    app.router.add_post("/synthesize", peer.other)
    app.router.add_get("/ws", peer.talk)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    peer.address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield peer
    finally:
        await runner.cleanup()
