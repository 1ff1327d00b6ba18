# ruff: noqa: T201 - it prints like the package it stands in for
"""Stands in for the vendor's package: the same names, and behaviour that URL and payloads choose.

What somebody says to the agent comes back as a text, with what it was told of it. A worker answers
every end of a segment, and goes on after its end in a room called ``endless``.
"""

import asyncio
import json
from dataclasses import dataclass
from types import SimpleNamespace

import httpx
import jwt
from av import AudioFrame, Samples

from . import avatar_controller

print("the stub was imported and prints to stdout")

INTERRUPT = b"INTERRUPT"
SEGMENT_END = json.dumps({"type": "segment_end"})
AvatarSettings = avatar_controller.AvatarSettings


@dataclass
class AvatarAuthCredentials:
    participant_id: str
    token: str


def generate_avatar_credentials(api_key, secret, *, participant_id=None, ttl_seconds=3600):
    participant_id = participant_id or "avatar_0"
    claims = {"apikey": api_key, "ttl": ttl_seconds, "participantId": participant_id}
    return AvatarAuthCredentials(participant_id, jwt.encode(claims, secret, algorithm="HS256"))


class AvatarAudioOut:
    def __init__(self, *, credentials, avatar_dispatcher_url=None, room_id=None):
        self.participant_id = credentials.participant_id
        self.token = credentials.token
        self.url, self.room_id = avatar_dispatcher_url, room_id
        self.meeting = self.lingering = None

    async def connect(self):
        print("the stub starts")
        if self.url is None:
            return
        if not self.room_id:
            raise ValueError("room_id must be set before calling connect()")
        behaviour = self.url.removeprefix("stub:").replace("-", "_")
        await getattr(self, f"_{behaviour}")()

    async def _echo(self):
        await asyncio.sleep(0)

    async def _hang(self):
        await asyncio.Event().wait()

    async def _ticks(self):
        self.lingering = asyncio.ensure_future(self._tick())

    async def _tick(self):
        while True:
            await asyncio.sleep(20)
            await asyncio.sleep(0.5)

    async def _refused(self):
        raise httpx.HTTPStatusError("bad", SimpleNamespace(status_code=403, text="no"))

    async def _unreachable(self):
        raise httpx.HTTPError("nobody there")

    async def _slow(self):
        raise httpx.TimeoutException("too slow")

    async def _no_url(self):
        raise httpx.InvalidURL("that is none")

    async def _odd(self):
        raise ValueError("something else")

    def _set_meeting(self, meeting):
        self.meeting = meeting
        meeting.add_event_listener(self)

    def on_data(self, data):
        payload = data["payload"]
        if payload == "raise":
            raise KeyError("data")
        shown = {**data, "payload": repr(payload), "token": self.token}
        self.lingering = asyncio.ensure_future(self.meeting.send(json.dumps(shown)))

    async def handle_audio_input(self, audio):
        payload = [audio] if audio == b"odd" else audio
        await self.meeting.send(payload, {"reliability": "UNRELIABLE"})

    async def send_segment_end(self):
        await self.meeting.send(SEGMENT_END)

    async def interrupt(self):
        await self.meeting.send(INTERRUPT, {"reliability": "RELIABLE"})

    async def aclose(self):
        if self.meeting is not None:
            self.meeting.remove_event_listener(self)


class AvatarRenderer:
    pass


class AvatarAudioIn:
    def __init__(self, meeting, *, channels, sample_rate):
        assert channels == 1
        self.rate, self.meeting = sample_rate, None
        self.queue, self.renderer = asyncio.Queue(), None
        self.set_meeting(meeting)

    def set_meeting(self, meeting):
        if self.meeting is not None:
            self.meeting.remove_event_listener(self)
        self.meeting = meeting
        meeting.add_event_listener(self)

    def on_data(self, data):
        payload = data["payload"]
        if payload == INTERRUPT:
            self.renderer.reset_stream()
        elif payload == SEGMENT_END:
            self.queue.put_nowait("end")
        elif isinstance(payload, bytes):
            frame = AudioFrame(Samples(payload))
            frame.sample_rate = self.rate
            self.queue.put_nowait(frame)


class AvatarServer:
    def __init__(self, meeting, *, audio_recv, video_gen, options):
        self.audio, self.renderer, self.options = audio_recv, video_gen, options
        self.endless = meeting.id == "endless"
        audio_recv.renderer = video_gen
        self.tasks = []

    async def start(self):
        print("the stub starts")
        self.tasks = [asyncio.ensure_future(each()) for each in (self._read, self._forward)]

    async def _read(self):
        while True:
            await self.renderer.push_stream_chunk(await self.audio.queue.get())

    async def _forward(self):
        try:
            pieces = []
            async for frame in self.renderer:
                if isinstance(frame, AudioFrame):
                    pieces.append(frame.samples / frame.sample_rate)
                else:
                    await self.audio.meeting.send(json.dumps({"pieces": pieces}))
                    pieces.clear()
        finally:
            if self.endless:
                await asyncio.Event().wait()

    async def aclose(self):
        self.audio.meeting.remove_event_listener(self.audio)
        for task in self.tasks:
            task.cancel()
