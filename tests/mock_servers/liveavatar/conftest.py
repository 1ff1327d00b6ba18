"""An agent of few lines, straight on aiohttp: it can do wrong on purpose."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.liveavatar.v0_2 import constants, frames
from mock_servers import mock

Header, HeaderValue = constants.Header, constants.HeaderValue


class RawAgent:
    """One agent, by hand."""

    def __init__(self, http, platform):
        self.http = http
        self.platform = platform
        self.ws = None
        self.url = None
        self.session_id = None

    async def call(self, action, body, *, api_key=None, headers=None, **options):
        key = self.platform.credentials["api_key"] if api_key is None else api_key
        url = f"{self.platform.urls['base']}/v1/session/{action}"
        fields = {Header.AUTHORIZATION: f"{HeaderValue.BEARER_PREFIX}{key}", **(headers or {})}
        options.setdefault("json", body)
        if options["json"] is None:
            del options["json"]
        async with self.http.post(url, headers=fields, **options) as reply:
            text = await reply.text()
            return reply.status, json.loads(
                text
            ) if reply.content_type == "application/json" else text

    async def start(self, avatar_id=None, **options):
        avatar_id = avatar_id or self.platform.credentials["avatar_id"]
        status, envelope = await self.call("start", {"avatarId": avatar_id}, **options)
        if status == 200 and envelope["code"] == 0:
            self.session_id = envelope["data"]["sessionId"]
            self.url = envelope["data"]["agentWsUrl"]
        return status, envelope

    async def stop(self, session_id=None, **options):
        return await self.call("stop", {"sessionId": session_id or self.session_id}, **options)

    async def dial(self, url=None):
        self.ws = await self.http.ws_connect(url or self.url)
        return self.ws

    async def refusal(self, url=None):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.dial(url)
        return caught.value.status

    async def open(self, *, scene=True):
        """The whole handshake; returns session.init."""
        if self.url is None:
            await self.start()
        await self.dial()
        init = await self.receive()
        await self.send("session.ready")
        if scene:
            assert (await self.receive())["event"] == "scene.ready"
        return init

    async def send(self, event, data=None, **members):
        document = {"event": event, **members}
        if data is not None:
            document["data"] = data
        await self.ws.send_str(json.dumps(document))

    async def chunk(self, request_id, response_id, seq, text):
        await self.send(
            "response.chunk",
            {"text": text},
            requestId=request_id,
            responseId=response_id,
            seq=seq,
            timestamp=seq,
        )

    async def respond(self, request_id, response_id, *texts, done=True):
        for seq, text in enumerate(texts):
            await self.chunk(request_id, response_id, seq, text)
        if done:
            await self.send("response.done", requestId=request_id, responseId=response_id)

    async def frame(self, sequence=0, timestamp=0, **fields):
        fields.setdefault("payload", bytes(1280))
        fields.setdefault("samples", 640)
        frame = frames.AudioFrame(sequence=sequence, timestamp=timestamp, **fields)
        await self.ws.send_bytes(frame.pack())

    async def receive(self):
        return json.loads(await self.ws.receive_str(timeout=5))

    async def states(self, count):
        states = []
        for _ in range(count):
            message = await self.receive()
            assert message["event"] == "session.state", message
            states.append(message["data"]["state"])
        return states

    async def closing(self):
        message = await self.ws.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, message.extra

    async def seen(self, count, name):
        match = {"kind": "message", "sender": "client", "name": name}
        return await self.platform.journal.wait_for(match, count)

    async def gone(self):
        """Wait until the platform has noticed the end of the socket."""
        opened = len(self.platform.journal.where(kind="open"))
        await self.platform.journal.wait_for({"name": "session_ended", "connection": opened})


@pytest.fixture
def open_platform(http):
    """Make a platform whose frames are checked at the end, and an agent of it."""

    class Opening:
        def __init__(self, *, check=True, **options):
            self.check = check
            self.platform = mock("liveavatar", **{"pace": False, "frozen": True, **options})

        async def __aenter__(self):
            await self.platform.start()
            return self.platform, RawAgent(http, self.platform)

        async def __aexit__(self, kind, error, trace):
            await self.platform.stop()
            if self.check and error is None:
                for record in self.platform.journal.where(sender="server"):
                    assert record.problems == [], record

    return Opening
