"""A client of few lines, straight on aiohttp: it can do wrong on purpose."""

from __future__ import annotations

import base64

import aiohttp
import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import Header, Query
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from mock_servers import mock


class RawClient:
    """One connection to the ingress, by hand."""

    def __init__(self, http, platform):
        self.http = http
        self.platform = platform
        self.ws = None

    async def token(self, *, expire_in=300, api_key=None, body=None):
        reply = await self.call(
            api_key=api_key,
            body={"expireAt": int(self.platform.wall() + expire_in)} if body is None else body,
        )
        return reply[1].get("sessionToken") if reply[0] == 200 else None

    async def call(self, *, api_key=None, body=None, **options):
        key = self.platform.credentials["api_key"] if api_key is None else api_key
        url = f"{self.platform.urls['console']}/session-tokens"
        options.setdefault("json", body)
        if options["json"] is None:
            del options["json"]
        async with self.http.post(url, headers={Header.API_KEY: key}, **options) as reply:
            text = await reply.text()
            if reply.content_type == "application/json":
                return reply.status, await reply.json()
            return reply.status, text

    async def connect(self, token=None, *, variant="header", app_id=None, avatar_id=None):
        token = await self.token() if token is None else token
        credentials = self.platform.credentials
        app_id = credentials["app_id"] if app_id is None else app_id
        query = {Query.AVATAR_ID: credentials["avatar_id"] if avatar_id is None else avatar_id}
        headers = {}
        if variant == "header":
            headers = {Header.APP_ID: app_id, Header.SESSION_KEY: token}
        else:
            query |= {Query.APP_ID: app_id, Query.SESSION_KEY: token}
        url = f"{self.platform.urls['ingress']}/websocket"
        self.ws = await self.http.ws_connect(url, params=query, headers=headers)
        return self

    async def refusal(self, *arguments, **options):
        """Status and body of a rejected upgrade."""
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await self.connect(*arguments, **options)
        record = self.platform.journal.where(kind="upgrade_response")[-1]
        return record.status, record.raw

    async def open(self, **settings):
        await self.connect()
        await self.configure(**settings)
        confirm = await self.receive()
        assert confirm.type == pb.MESSAGE_SERVER_CONFIRM_SESSION
        return confirm.server_confirm_session.connection_id

    async def configure(self, **settings):
        message = pb.Message(type=pb.MESSAGE_CLIENT_CONFIGURE_SESSION)
        message.client_configure_session.sample_rate = settings.pop("sample_rate", 16000)
        for name, value in settings.items():
            field = getattr(message.client_configure_session, name)
            if isinstance(value, dict):
                field.SetInParent()
                for key, part in value.items():
                    setattr(field, key, part)
            else:
                setattr(message.client_configure_session, name, value)
        await self.ws.send_bytes(message.SerializeToString())

    async def audio(self, req_id, audio=b"", *, end=False):
        message = pb.Message(type=pb.MESSAGE_CLIENT_AUDIO_INPUT)
        message.client_audio_input.req_id = req_id
        message.client_audio_input.audio = audio
        message.client_audio_input.end = end
        await self.ws.send_bytes(message.SerializeToString())

    async def interrupt(self, req_id):
        message = pb.Message(type=pb.MESSAGE_CLIENT_INTERRUPT)
        message.client_interrupt.req_id = req_id
        await self.ws.send_bytes(message.SerializeToString())

    async def receive(self):
        return pb.Message.FromString(await self.ws.receive_bytes(timeout=5))

    async def animation(self):
        message = await self.receive()
        assert message.type == pb.MESSAGE_SERVER_RESPONSE_ANIMATION, message
        return message.server_response_animation

    async def answer(self):
        """Every animation message of one request."""
        messages = [await self.animation()]
        while not messages[-1].end:
            messages.append(await self.animation())
        return messages

    async def error(self):
        message = await self.receive()
        assert message.type == pb.MESSAGE_SERVER_ERROR, message
        return message.server_error

    async def closing(self):
        message = await self.ws.receive(timeout=5)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, message.extra

    async def seen(self, count, **match):
        return await self.platform.journal.wait_for({"kind": "message", **match}, count)


def assert_all_valid(platform):
    """Every frame that the platform sent is valid against the schema."""
    for record in platform.journal.messages(sender="server"):
        assert record.problems == [], record


@pytest.fixture
def open_platform(http):
    """Make a platform whose frames are checked at the end, and a client of it."""

    class Opening:
        def __init__(self, *, check=True, **options):
            self.check = check
            self.platform = mock("avatarkit", **{"pace": False, "frozen": True, **options})

        async def __aenter__(self):
            await self.platform.start()
            return self.platform, RawClient(http, self.platform)

        async def __aexit__(self, kind, error, trace):
            await self.platform.stop()
            if self.check and error is None:
                assert_all_valid(self.platform)

    return Opening


@pytest.fixture
def raw_of():
    return lambda record: base64.b64decode(record.raw)
