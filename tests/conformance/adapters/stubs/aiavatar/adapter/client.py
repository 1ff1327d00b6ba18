# ruff: noqa: T201, BLE001 - it prints and swallows like the package it stands in for
"""What both clients share.

A text that is sent is a list of what comes back: responses, in JSON. ``raise …`` lets the request
fail, ``threads`` tells what still runs, and any other text is answered by the request itself.
"""

import asyncio
import base64
import json
import queue
import threading
from types import SimpleNamespace

import httpx
import pyaudio
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from . import AIAvatarException, AIAvatarResponse

FAILURES = {
    "pipeline": lambda: AIAvatarException(
        "broken", AIAvatarResponse(type="error", metadata={"error": "no model"})
    ),
    "null": lambda: AIAvatarException("broken", AIAvatarResponse(type="error")),
    "mute": lambda: AIAvatarException("broken"),
    **{str(n): lambda n=n: httpx.HTTPStatusError("bad", Answer(n)) for n in (401, 404, 422, 503)},
    "slow": lambda: httpx.TimeoutException("too slow"),
    "transport": lambda: httpx.HTTPError("nobody there"),
    "url": lambda: httpx.InvalidURL("that is none"),
    "closed": lambda: ConnectionClosedOK(None, None),
    "refused": lambda: InvalidStatus(SimpleNamespace(status_code=403, body=b"no")),
    "nobody": lambda: ConnectionRefusedError("nobody there"),
    "late": lambda: TimeoutError("too late"),
    "odd": lambda: KeyError("data"),
}


def fail(name):
    """Raise the failure of a name."""
    error = FAILURES[name]()
    raise error


class Answer:
    """A response of httpx; the body of 422 was not read."""

    def __init__(self, status_code):
        self.status_code, self.is_server_error = status_code, status_code >= 500

    @property
    def text(self):
        if self.status_code == 422:
            raise httpx.ResponseNotRead
        return "told"


class Player:
    """Plays by the stream of pyaudio; bytes as they are, where the package wants WAV files."""

    def __init__(self):
        self.queue, self.stop_event, self.is_playing = queue.Queue(), threading.Event(), False
        self.stream = pyaudio.PyAudio().open(rate=24000, channels=1, format=pyaudio.paInt16)
        threading.Thread(target=self._work, daemon=True, name=f"player {id(self)}").start()

    def play(self, content):
        self.stop_event.clear()
        self.is_playing = True
        for start in range(0, len(content), 2):
            if self.stop_event.is_set():
                break
            self.stream.write(content[start : start + 2])
        self.is_playing = False

    def _work(self):
        while (data := self.queue.get()) is not None:
            self.is_playing = True
            self.stream.write(data)
            self.is_playing = False

    def stop(self):
        while not self.queue.empty():
            self.queue.get()
        self.stop_event.set()


class ClientBase:
    def __init__(self, *, url, face_controller, animation_controller, **options):
        self.url, self.options = url, options
        self.behaviour = url.removeprefix("stub:").rpartition("/")[0]
        self.face_controller, self.animation_controller = face_controller, animation_controller
        self.audio_player = Player()
        self.audio_recorder = None
        self.lingering = self.microphone = None
        self.begun, self.over = {}, asyncio.Event()
        self._on_responses = {}
        self._get_image_url = None

    def get_image_url(self, handler):
        self._get_image_url = handler

    def on_response(self, name):
        return lambda handler: self._on_responses.update({name: handler})

    async def respond(self, **members):
        if members.get("audio_data"):
            members["audio_data"] = base64.b64decode(members["audio_data"])
        response = AIAvatarResponse(**members)
        try:
            await self._on_responses[response.type](response)
        except Exception as error:
            print(f"callback failed: {error}")
        if response.face:
            await self.face_controller.set_face(*response.face)
        if response.animation:
            await self.animation_controller.animate(*response.animation)
        if response.type == "vision":
            text = await self._get_image_url(response.metadata["source"])
            await self.respond(type="final", text=text)
        elif response.type == "stop":
            self.audio_player.stop()
        elif response.audio_data and "pcm_format" in (response.metadata or {}):
            self.audio_player.queue.put(response.audio_data)
        elif response.audio_data:
            play = asyncio.get_running_loop().run_in_executor
            await play(None, self.audio_player.play, response.audio_data)

    async def send_request(self, request):
        text = request.text or ""
        if text.startswith("raise "):
            fail(text.removeprefix("raise "))
        if text == "hang":
            await asyncio.Event().wait()
        elif text == "threads":
            names = [thread.name.split()[0] for thread in threading.enumerate()]
            await self.respond(type="final", text=json.dumps(sorted(names)))
        elif text.startswith("["):
            for members in json.loads(text):
                await self.respond(**members)
        else:
            await self.respond(type="final", text=json.dumps(vars(request)))

    async def begin(self, **begun):
        print("the stub starts")
        self.begun = begun
        if self.behaviour == "ticks":
            self.lingering = asyncio.ensure_future(self._tick())
        self.microphone = asyncio.ensure_future(self._listen())
        try:
            await self.over.wait()
        finally:
            self.microphone.cancel()

    async def _tick(self):
        while True:
            await asyncio.sleep(20)
            await self.respond(type="stop", context_id="tick")
            await asyncio.sleep(0.5)
            await self.respond(type="final", text="tock")

    async def _listen(self):
        async for data in self.audio_recorder.start_stream():
            await self.respond(type="final", text=f"heard {len(data)} bytes")
