"""A client of few lines, straight on aiohttp: it can do wrong on purpose."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import aiohttp
import pytest

from avatar_protocols.akool.v0_1_8.constants import Endpoint, Group, Header, Query
from mock_servers import mock

DOCUMENTED = "0.1.8-documented"


def envelope(kind, mid, **payload):
    return {"v": 2, "type": kind, "mid": mid, "pld": payload}


def set_params(mid="m-params", *, channel="room", mode=3):
    agora = {"appid": "app", "channel_id": channel, "token": "rtc-secret", "uid": "1"}
    return envelope(
        "command",
        mid,
        cmd="set-params",
        data={"vid": "", "lang": "en", "mode": mode, "bgurl": ""},
        metadata={"agora_data": agora},
    )


def pcm(seconds):
    """Base64 of silence."""
    return "AAAA" * (round(seconds * 32000) // 3) + "AAA=" * (round(seconds * 32000) % 3 // 2)


class RawClient:
    """One client, by hand."""

    def __init__(self, http, platform):
        self.http = http
        self.platform = platform
        self.ws = None

    async def discover(self, *, group=Group.TEST, api_key=None, headers=None):
        key = self.platform.credentials["api_key"] if api_key is None else api_key
        fields = {Header.API_KEY: key} if headers is None else headers
        query = {Query.GROUP_NAME: group} if group else {}
        url = f"{self.platform.urls['discovery']}{Endpoint.SERVICE_STATUS.path}"
        async with self.http.get(url, params=query, headers=fields) as reply:
            text = await reply.text()
            return reply.status, json.loads(
                text
            ) if reply.content_type == "application/json" else text

    async def dial(self, instance=0, *, api_key=None, session_id="s-1", avatar_id="demo-avatar"):
        key = self.platform.credentials["api_key"] if api_key is None else api_key
        query = urlencode({Query.SESSION_ID: session_id, Query.AVATAR_ID: avatar_id})
        url = f"ws://{self.platform.addresses[instance]}{Endpoint.WEBSOCKET.path}?{query}"
        self.ws = await self.http.ws_connect(url, headers={Header.API_KEY: key})
        return self.ws

    async def dial_documented(self, instance=0):
        url = f"ws://{self.platform.addresses[instance]}{Endpoint.WEBSOCKET.path}"
        self.ws = await self.http.ws_connect(url)

    async def refusal(self, instance=0, **options):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.dial(instance, **options)
        return caught.value.status

    async def open(self, instance=0, **options):
        """Connect, and take the greeting."""
        await self.dial(instance, **options)
        greeting = await self.receive()
        assert greeting["pld"] == {"status": "websocket_connected"}
        return self

    async def ready(self, instance=0, **options):
        """Connect, and set the parameters."""
        await self.open(instance, **options)
        await self.send(set_params())
        assert (await self.receive())["pld"]["original_mid"] == "m-params"
        assert (await self.receive())["pld"] == {"status": "agora_connected", "channel_id": "room"}
        return self

    async def send(self, message):
        await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def speak(self, seconds):
        await self.send(envelope("chat", "m-chat", audio=pcm(seconds)))

    async def receive(self):
        return json.loads(await self.ws.receive_str(timeout=5))

    async def error(self):
        message = await self.receive()
        assert message["type"] == "error", message
        return message["pld"]["error_message"]

    async def closing(self):
        message = await self.ws.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, message.extra

    async def pong(self):
        """A barrier: what was sent before has been worked off."""
        await self.send(envelope("ping", "m-ping"))
        assert (await self.receive())["type"] == "pong"

    async def close(self):
        await self.ws.close()
        opened = len(self.platform.journal.where(kind="open"))
        await self.platform.journal.wait_for({"name": "session_ended"}, opened)


@pytest.fixture
def open_platform(http):
    """Make a platform whose messages are checked at the end, and a client of it."""

    class Opening:
        def __init__(self, revision=None, *, check=True, **options):
            self.check = check
            self.platform = mock("akool", revision, **{"pace": False, "frozen": True, **options})

        async def __aenter__(self):
            await self.platform.start()
            return self.platform, RawClient(http, self.platform)

        async def __aexit__(self, kind, error, trace):
            await self.platform.stop()
            if self.check and error is None:
                for record in self.platform.journal.where(sender="server", kind="message"):
                    assert record.problems == [], record

    return Opening
