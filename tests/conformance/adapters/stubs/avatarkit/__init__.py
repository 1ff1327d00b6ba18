# ruff: noqa: T201, BLE001, N815 - it prints, swallows and spells like the package it stands in for
"""Stands in for the vendor's package: the same names, behaviour chosen by the ingress URL."""

import asyncio
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

__version__ = "9.9"

print("the stub was imported and prints to stdout")


class AvatarSDKErrorCode(StrEnum):
    connectionFailed = "connectionFailed"
    avatarNotFound = "avatarNotFound"


class AvatarSDKError(Exception):
    def __init__(self, code, message, **fields):
        super().__init__(message)
        self.code = code
        self.message = message
        self.__dict__.update(fields)


@dataclass
class LiveKitEgressConfig:
    url: str = ""
    api_token: str = ""


@dataclass
class AgoraEgressConfig:
    channel_name: str = ""


@dataclass
class OggOpusEncoderConfig:
    frame_duration_ms: int = 20
    application: str = "audio"


@dataclass
class AvatarSession:
    settings: dict
    lingering: list = field(default_factory=list)
    req_id: str = ""

    @property
    def behaviour(self):
        return self.settings["ingress_endpoint_url"].removeprefix("stub:")

    async def init(self):
        if not self.settings["api_key"]:
            raise ValueError("no API key")
        if self.behaviour == "no-answer":
            try:
                await asyncio.wait_for(asyncio.Event().wait(), 30)
            except TimeoutError as error:
                raise AvatarSDKError(
                    AvatarSDKErrorCode.connectionFailed, "too slow", phase="session_token"
                ) from error

    async def start(self):
        print("the stub starts")
        await getattr(self, "_" + self.behaviour.replace("-", "_"), self._echo)()
        return json.dumps(self.settings, default=lambda o: asdict(o) if hasattr(o, "url") else "…")

    async def _echo(self):
        await asyncio.sleep(0)

    async def _hang(self):
        await asyncio.Event().wait()

    async def _unknown_avatar(self):
        raise AvatarSDKError(
            AvatarSDKErrorCode.avatarNotFound, "none", phase="websocket_connect", http_status=404
        )

    async def _odd_exception(self):
        raise KeyError("not in the SDK's error model")

    async def _ticks(self):
        self.lingering.append(asyncio.ensure_future(self._tick()))

    async def _tick(self):
        while True:
            await asyncio.sleep(20)
            self._call("transport_frames", b"tick", False)
            await asyncio.sleep(0.5)
            self._call("transport_frames", b"tock", True)

    def _call(self, name, *arguments):
        try:
            self.settings[name](*arguments)
        except Exception as error:
            print(f"callback failed: {error}")

    async def send_audio(self, audio, end=False):
        if self.behaviour == "closes":
            self._call("on_close")
            raise RuntimeError("not connected")
        self._call("transport_frames", audio, end)
        return f"req of {len(audio)} bytes"

    async def interrupt(self):
        return "interrupted"

    async def close(self):
        if self.behaviour == "deaf":
            await asyncio.sleep(10)
        self._call("on_close")
        self._call("on_close")


def new_avatar_session(**settings):
    return AvatarSession(settings)
