# ruff: noqa: T201, BLE001 - it prints and swallows like the packages it stands in for
"""Stands in for the vendor's package: the same names, and behaviour that the base URL chooses."""

import asyncio
import json
from dataclasses import asdict, dataclass
from enum import Enum, StrEnum
from types import SimpleNamespace

import httpx

__version__ = "0.2.9"

print("the stub was imported and prints to stdout")


class SessionState(StrEnum):
    IDLE = "IDLE"


class ErrorCode(Enum):
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"


class SessionStartError(Exception):
    def __init__(self, code, error_code, message):
        super().__init__(f"[{code}] {message}")
        self.code, self.error_code, self.message = code, error_code, message


@dataclass
class AudioFrame:
    channel: int = 0
    key: int = 0
    seq: int = 0
    timestamp: int = 0
    sample_rate: int = 0
    samples: int = 640
    codec: int = 0
    payload: bytes = b""


class AgentListener:
    pass


@dataclass
class AvatarAgentConfig:
    api_key: str
    avatar_id: str
    base_url: str
    timeout: float = 30.0
    sandbox: bool = False
    voice_id: str | None = None
    developer_tts: bool = False
    developer_asr: bool = True
    reconnect: bool = False
    reconnect_base_delay: float = 1.0
    reconnect_max_delay: float = 60.0


class AvatarAgent:
    def __init__(self, config, listener):
        self.config, self.listener = config, listener
        self.lingering = None

    async def start(self):
        print("the stub starts")
        await getattr(self, "_" + self.config.base_url.removeprefix("stub:").replace("-", "_"))()
        await self._call("on_session_init", "s", "u")
        return SimpleNamespace(
            session_id="s",
            sfu_url=json.dumps(asdict(self.config)),
            user_token="u",
            agent_token=None,
        )

    async def _echo(self):
        await asyncio.sleep(0)

    async def _hang(self):
        try:
            await asyncio.wait_for(asyncio.Event().wait(), self.config.timeout)
        except TimeoutError:
            raise RuntimeError(
                f"Timed out waiting for session.init after {self.config.timeout}s"
            ) from None

    async def _quota(self):
        raise SessionStartError(40006, ErrorCode.QUOTA_EXHAUSTED, "used up")

    async def _status(self):
        raise httpx.HTTPStatusError("bad", SimpleNamespace(status_code=503, text="body"))

    async def _no_url(self):
        raise RuntimeError("agentWsUrl not present in the reply")

    async def _refused(self):
        raise ConnectionRefusedError("nobody there")

    async def _not_understood(self):
        raise KeyError("data")

    async def _ticks(self):
        self.lingering = asyncio.ensure_future(self._tick())

    async def _tick(self):
        while True:
            await asyncio.sleep(20)
            await self._call("on_idle_trigger", "tick", 1)
            await asyncio.sleep(0.5)
            await self._call("on_session_state", SessionState.IDLE)

    async def _call(self, name, *arguments):
        try:
            await getattr(self.listener, name)(*arguments)
        except Exception as error:
            print(f"callback failed: {error}")

    async def stop(self):
        await self._call("on_closed", 1006, "twice")
        await self._call("on_closed", 1006, "twice")

    def __getattr__(self, name):
        if not name.startswith("send_"):
            raise AttributeError(name)

        async def send(*arguments, **keywords):
            if self.config.api_key == "closed":
                raise RuntimeError("Not connected: call start() first")
            shown = [
                asdict(a) | {"payload": len(a.payload)} if isinstance(a, AudioFrame) else a
                for a in arguments
            ]
            await self._call("on_text_input", json.dumps([name, shown, keywords]), "sent")

        return send
