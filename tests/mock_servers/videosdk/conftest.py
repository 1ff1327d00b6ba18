"""Platforms, meetings with a listener, and an HTTP client."""

from __future__ import annotations

import contextlib
import json

import aiohttp
import pytest

from mock_servers import mock

WORKER = "avatar_11111111"
PCM = b"\xff\xff" * 2400  # 0.1 s
INTERRUPT = b"INTERRUPT"
END = '{"type": "segment_end"}'
UNRELIABLE = {"reliability": "UNRELIABLE"}


class Listener:
    """Keeps what a meeting tells it."""

    def __init__(self):
        self.events = []
        self.raises = None

    def handle_event(self, action, data):
        self.events.append((action, data))
        if self.raises is not None:
            raise self.raises

    def payloads(self):
        return [data["payload"] for action, data in self.events if action == "data"]

    def acks(self):
        return [
            json.loads(payload)["data"]
            for payload in self.payloads()
            if isinstance(payload, str) and "stream_ended" in payload
        ]


@contextlib.asynccontextmanager
async def open_meeting(**options):
    """A platform and an agent's meeting in its demo room, joined, with a listener."""
    async with mock("videosdk", **options) as platform:
        meeting, listener = await attend(platform)
        yield platform, meeting, listener


async def attend(platform, **options):
    meeting, listener = platform.meeting(**options), Listener()
    meeting.add_event_listener(listener)
    await meeting.async_join()
    return meeting, listener


def join_request(platform, participant_id=WORKER, **changes):
    body = {
        "room_name": platform.options.room_id,
        "token": platform.token(participant_id),
        "participant_id": participant_id,
        "signaling_base_url": None,
    }
    return {**body, **changes}


async def post(http, platform, body=None, *, url=None, **options):
    given = {"json": join_request(platform) if body is None else body, **options}
    if body == b"":
        del given["json"]
    async with http.post(url or platform.urls["dispatcher"], **given) as reply:
        return reply.status, await reply.text()


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


def kinds(platform, *wanted):
    return [
        (record.kind, record.participant)
        for record in platform.journal.records
        if record.kind in wanted
    ]
