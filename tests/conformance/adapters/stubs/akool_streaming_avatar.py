# ruff: noqa: T201, BLE001, A001 - it prints, swallows and shadows like the package it stands in for
"""Stands in for the vendor's package: the same names, and behaviour that the discovery URL chooses.

What a call was given comes back as a message. A session id such as ``raise RetryError no way`` lets
every call on the session raise that; a discovery URL ``stub:raise …`` lets connect() raise it.
"""

import asyncio
import json
import random
import time

from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

print("the stub was imported and prints to stdout")


class AkoolStreamingAvatarError(Exception):
    pass


class AuthenticationError(AkoolStreamingAvatarError):
    pass


class ConnectionError(AkoolStreamingAvatarError):
    pass


class ServiceDiscoveryError(AkoolStreamingAvatarError):
    pass


class AudioStreamError(AkoolStreamingAvatarError):
    pass


class RetryError(AkoolStreamingAvatarError):
    pass


class ConfigurationError(AkoolStreamingAvatarError):
    pass


def fail(told):
    """Raise what is told: the name of a class, and what it says."""
    name, _, text = told.partition(" ")
    if name == "closed":
        raise ConnectionClosedError(Close(4003, text) if text else None, None)
    if name == "json":
        json.loads(text)
    raise globals()[name](text)


async def poll(seconds):
    """Wait as the SDK does: by the time of day."""
    begun = time.time()
    while time.time() - begun < seconds:  # noqa: ASYNC110 - as it does
        await asyncio.sleep(0.5)


class StreamingAvatarClient:
    def __init__(self, api_key, avatar_id, discovery_url="the vendor's own", **options):
        if not api_key:
            raise AuthenticationError("api_key is required")
        self.options = {"api_key": api_key, "avatar_id": avatar_id, **options}
        self.session_id = options.get("session_id", "s")
        self.behaviour, _, self.told = discovery_url.removeprefix("stub:").partition(" ")
        self.on_connected = self.on_disconnected = self.on_agora_connected = None
        self.on_message = self.on_error = None
        self.lingering = None
        self.left = asyncio.Event()

    def _call(self, name, *arguments):
        try:
            getattr(self, name)(*arguments)
        except Exception as error:
            print(f"callback failed: {error}")

    def _show(self, name, *arguments, **options):
        if self.session_id.startswith("raise "):
            fail(self.session_id.removeprefix("raise "))
        self._call("on_message", {"call": [name, *arguments], "options": options})

    async def connect(self):
        print("the stub starts")
        await getattr(self, "_" + self.behaviour.replace("-", "_"))()
        self._call("on_connected")
        self._call("on_message", {"connect": self.options, "draw": random.random()})
        self._call("on_agora_connected", "channel")

    async def _echo(self):
        await asyncio.sleep(0)

    _deaf = _echo

    async def _raise(self):
        fail(self.told)

    async def _hang(self):
        await self.left.wait()
        raise ConnectionError("gone")

    async def _poll(self):
        await poll(5)
        raise RetryError("Failed after 1 attempts: Connection timeout")

    async def _ticks(self):
        self.lingering = asyncio.ensure_future(self._tick())

    async def _tick(self):
        while True:
            await asyncio.sleep(20)
            self._call("on_message", {"tick": 1})
            await asyncio.sleep(0.5)
            self._call("on_error", ConnectionError("Server error 4003: Service is occupied"))

    async def set_agora_params(self, **parameters):
        self._show("set_agora_params", **parameters)

    async def send_audio(self, audio):
        self._show("send_audio", len(audio))

    async def send_audio_stream(self, chunks):
        self._show("send_audio_stream", *map(len, chunks))

    async def interrupt(self):
        self._show("interrupt")

    async def disconnect(self):
        self.left.set()
        if self.behaviour == "deaf":
            await poll(5)
        self._call("on_disconnected")
        self._call("on_disconnected")
