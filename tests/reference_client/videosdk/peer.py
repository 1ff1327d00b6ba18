"""A small VideoSDK for the peers' tests: a dispatcher, a room service, and rooms on a socket."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web


class Visit:
    """One participant's socket."""

    def __init__(self, ws, room, participant_id):
        self.ws = ws
        self.room = room
        self.id = participant_id
        self.frames = []

    async def tell(self, **frame):
        await self.ws.send_str(json.dumps(frame))


class Peer:
    """What tests turn, and what they look at.

    Attributes:
        dispatch_status: answer of the dispatcher; None for silence.
        refuse: HTTP status of refused joins; None lets everybody in.
        errors: what the next sends are refused with, in order; None takes one.
        first: the first frame instead of ``joined``.
        first_bytes: the first frame as bytes.
        mute: whether no frame is answered.
        sent: (participant, payload, reliability) of every payload.
    """

    def __init__(self):
        self.url = ""
        self.dispatch_status = 202
        self.room_reply = (200, {"roomId": "new-room"})
        self.refuse = None
        self.errors = []
        self.first = None
        self.silent = False
        self.mute = False
        self.first_bytes = None
        self.calls = []
        self.visits = []
        self.sent = []
        self.left = []
        self.joins = []
        self._changed = asyncio.Condition()

    @property
    def rooms(self):
        return self.url.replace("http", "ws") + "/rooms"

    async def until(self, predicate):
        async with self._changed:
            await self._changed.wait_for(lambda: predicate(self))
        return predicate(self)

    async def changed(self):
        async with self._changed:
            self._changed.notify_all()

    def payloads(self):
        return [payload for _, payload, _ in self.sent]

    async def dispatch(self, request):
        self.calls.append(await request.json())
        await self.changed()
        if self.dispatch_status is None:
            await asyncio.Event().wait()
        return web.Response(status=self.dispatch_status, text="whatever")

    async def create(self, request):
        self.calls.append(request.headers.get("Authorization"))
        status, body = self.room_reply
        return web.json_response(body, status=status)

    async def enter(self, request):
        room = request.match_info["room"]
        identity = request.query.get("participant_id", "")
        self.joins.append((room, identity, request.query.get("token")))
        await self.changed()
        if self.refuse is not None:
            return web.json_response({"error": "no"}, status=self.refuse)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        visit = Visit(ws, room, identity)
        if self.silent:
            await asyncio.Event().wait()
        if self.first_bytes is not None:
            await ws.send_bytes(self.first_bytes)
        others = [other.id for other in self.visits if other.room == room]
        await visit.tell(
            **(self.first or {"type": "joined", "room_id": room, "participant_id": identity}),
            **({} if self.first else {"participants": others}),
        )
        self.visits.append(visit)
        await self._tell_others(visit, type="participant_joined", participant_id=identity)
        await self.changed()
        async for message in ws:
            if message.type == WSMsgType.TEXT:
                await self._frame(visit, json.loads(message.data))
        self.visits.remove(visit)
        self.left.append(identity)
        await self._tell_others(visit, type="participant_left", participant_id=identity)
        await self.changed()
        return ws

    async def _frame(self, visit, frame):
        visit.frames.append(frame)
        if self.mute:
            return
        if frame["type"] == "send":
            error = self.errors.pop(0) if self.errors else None
            if error is not None:
                code, text = error
                await visit.tell(type="error", id=frame["id"], code=code, message=text)
                await self.changed()
                return
            binary = frame.get("binary")
            payload = base64.b64decode(binary) if binary is not None else frame["text"]
            self.sent.append((visit.id, payload, frame["reliability"]))
            carried = {"binary": binary} if binary is not None else {"text": payload}
            await self._tell_others(
                visit,
                **{"type": "message", "from": visit.id, "timestamp": 1},
                reliability=frame["reliability"],
                **carried,
            )
        if "id" in frame:
            await visit.tell(type="done", id=frame["id"])
        if frame["type"] == "leave":
            await visit.tell(type="left")
        await self.changed()

    async def _tell_others(self, visit, **frame):
        for other in list(self.visits):
            if other is not visit and other.room == visit.room and not other.ws.closed:
                await other.tell(**frame)


@asynccontextmanager
async def videosdk():
    peer = Peer()
    app = web.Application()
    app.router.add_post("/dispatcher", peer.dispatch)
    app.router.add_post("/signaling/v2/rooms", peer.create)
    app.router.add_get("/rooms/{room}", peer.enter)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = site._server.sockets[0].getsockname()[:2]
    peer.url = f"http://{host}:{port}"
    try:
        yield peer
    finally:
        for visit in list(peer.visits):
            await visit.ws.close()
        await runner.cleanup()
