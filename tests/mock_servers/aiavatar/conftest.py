"""A client of few lines, straight on aiohttp: it can do wrong on purpose."""

from __future__ import annotations

import base64
import json
import math
from array import array
from contextlib import asynccontextmanager

import aiohttp
import pytest

from mock_servers import mock
from protocol_core import sse

KEY = "demo-api-key"
FRAME = 1024


def tone(seconds, rate=16000):
    count = round(seconds * rate)
    return array("h", (round(8000 * math.sin(n / 5)) for n in range(count))).tobytes()


def silence(seconds, rate=16000):
    return bytes(2 * round(seconds * rate))


class RawClient:
    """One client, by hand."""

    def __init__(self, http, platform):
        self.http = http
        self.platform = platform
        self.ws = None

    # HTTP

    def url(self, path):
        return f"{self.platform.urls['http']}{path}"

    def post(self, path, body=None, key=KEY, **options):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if body is not None:
            options["json"] = body
        return self.http.post(self.url(path), headers=headers, **options)

    async def chat(self, **members):
        """The events of a whole stream."""
        async with self.post("/chat", {"type": "start", "session_id": "s", **members}) as reply:
            assert reply.status == 200, await reply.text()
            return events_of(await reply.read())

    # WebSocket

    async def connect(self):
        self.ws = await self.http.ws_connect(f"{self.platform.urls['websocket']}/ws")
        return self

    async def open(self, **members):
        await self.connect()
        await self.send("start", **members)
        return await self.receive()

    async def send(self, kind, session_id="s", **members):
        await self.ws.send_json({"type": kind, "session_id": session_id, **members})

    async def speak(self, pcm):
        for at in range(0, len(pcm), FRAME):
            await self.send("data", audio_data=base64.b64encode(pcm[at : at + FRAME]).decode())

    async def receive(self):
        message = await self.ws.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def turn(self):
        """The events up to the end of a turn."""
        found = [await self.receive()]
        while found[-1]["type"] not in {"final", "vision", "error"}:
            found.append(await self.receive())
        return found

    async def end(self):
        """The close code; None if the connection broke."""
        message = await self.ws.receive(timeout=5)
        closed = message.type is aiohttp.WSMsgType.CLOSE
        return message.data if closed else None

    async def settle(self):
        """Everything that was sent has been read."""
        await self.ws.ping()
        await self.send("no-such-type")
        await self.platform.journal.wait_for(lambda r: r.name == "no-such-type")


def events_of(data):
    found = sse.EventDecoder().feed(data)
    return [json.loads(item.data) for item in found if isinstance(item, sse.SseEvent)]


def kinds(events):
    return [event["type"] for event in events]


@pytest.fixture
def open_platform():
    """Start both: ``async with open_platform(**options) as (platform, client)``."""

    @asynccontextmanager
    async def start(**options):
        options = {"pace": False, "frozen": True, **options}
        async with (
            mock("aiavatar", **options) as platform,
            aiohttp.ClientSession() as http,
        ):
            client = RawClient(http, platform)
            yield platform, client
            if client.ws is not None:
                await client.ws.close()

    return start
