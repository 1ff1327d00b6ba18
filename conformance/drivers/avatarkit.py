"""Drives `reference_client.avatarkit`.

open         AvatarKitClient(config); init(); start()
send_audio   send_audio(audio, end=…)
interrupt    interrupt()
close        close()
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.drivers.base import Driver, Handler, Params, encoded, given_bytes, settings_of
from protocol_core.avatarkit.config import (
    AgoraEgress,
    AudioFormat,
    EncoderSettings,
    LiveKitEgress,
    SessionConfig,
)
from protocol_core.avatarkit.errors import AvatarKitError, ErrorCode
from reference_client.avatarkit import AvatarKitClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import RevisionInfo

__all__ = ["DRIVER", "AvatarKitDriver", "features"]

_LIFETIME = 300
"""Seconds for which a token is asked, unless a scenario says otherwise."""
_TRANSPORT = (ErrorCode.CONNECTION_FAILED, ErrorCode.CONNECTION_CLOSED)
_MADE = {"livekit": ("livekit_egress", LiveKitEgress), "agora": ("agora_egress", AgoraEgress)}


class AvatarKitDriver(Driver[AvatarKitClient]):
    """The AvatarKit reference client."""

    protocol = "avatarkit"

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "send_audio": self._send_audio,
            "interrupt": self._interrupt,
            "close": self._close,
        }

    async def leave(self, client: AvatarKitClient) -> None:
        await client.close()

    def record(self, error: BaseException) -> Params:
        if not isinstance(error, AvatarKitError):
            return {"kind": "local", "type": type(error).__name__, "message": str(error)}
        kind = "protocol"
        if error.code in _TRANSPORT:
            timed_out = getattr(error.__cause__, "timed_out", False)
            kind = "timeout" if timed_out else "transport"
        return {**error.record(), "kind": kind, "type": type(error).__name__}

    async def _open(self, params: Params) -> Params:
        settings = settings_of(params)
        self.configure(settings)
        reuse = bool(settings.get("reuse_token"))
        if not ((reuse or settings.get("same_client")) and self.clients):
            self.clients.append(self._make(settings))
        client = self.clients[-1]
        if not reuse:
            await client.init()
        if not settings.get("start", True):
            return {}
        connection_id = await client.start()
        self.tell("opened", {"connection_id": connection_id})
        return {"connection_id": connection_id}

    def _make(self, settings: Params) -> AvatarKitClient:
        config = _config(settings)
        return AvatarKitClient(
            config,
            on_frame=self._on_frame,
            on_error=lambda error: self.report("error", self.record(error)),
            on_close=lambda: self.report("closed", {"code": None, "reason": None}),
            on_encoded_audio=self._on_encoded if config.encoder is not None else None,
            clock=self.travel.clock,
        )

    def _on_frame(self, data: bytes, end: bool) -> None:  # noqa: FBT001 - the client's signature
        self.report("frame", {"data": encoded(data), "end": end})

    def _on_encoded(self, req_id: str, audio: bytes) -> None:
        self.report("encoded", {"req_id": req_id, "audio": encoded(audio)})

    async def _send_audio(self, params: Params) -> Params:
        audio = given_bytes(params, "audio") if "audio" in params else b""
        return {"req_id": await self.client.send_audio(audio, end=bool(params.get("end")))}

    async def _interrupt(self, _: Params) -> Params:
        return {"req_id": await self.client.interrupt()}

    async def _close(self, _: Params) -> Params:
        await self.client.close()
        return {}


def _config(settings: Params) -> SessionConfig:
    made: Params = {
        "api_key": settings.get("api_key") or "",
        "console_url": settings.get("console") or "",
        "ingress_url": settings.get("ingress") or "",
        "app_id": settings.get("app_id") or "",
        "avatar_id": settings.get("avatar_id") or "",
        "query_auth": settings.get("auth", "header") == "query",
        "expire_at": _expiry(settings),
    }
    made |= {name: settings[name] for name in ("sample_rate", "bitrate") if name in settings}
    if "audio_format" in settings:
        made["audio_format"] = AudioFormat(settings["audio_format"])
    if (encoder := settings.get("encoder")) is not None:
        made["encoder"] = _encoder(encoder)
    for name, (option, kind) in _MADE.items():
        if (members := settings.get(option)) is not None:
            made[name] = kind(**members)
    return SessionConfig(**made)


def _encoder(members: Params) -> EncoderSettings:
    names = {"frame_duration_ms": "frame_ms"}
    renamed: Params = {names.get(name, name): value for name, value in members.items()}
    return EncoderSettings(**renamed)


def _expiry(settings: Params) -> float | None:
    if "expire_at" in settings:
        instant: float | None = settings["expire_at"]
        return instant
    return time.time() + float(settings.get("expire_in", _LIFETIME))


def features(_: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the client can do on this machine, and why it cannot do the rest."""
    from protocol_core.errors import ConfigurationError
    from reference_client.avatarkit.opus_encoder import load_encoder

    claimed = [
        "agora_egress",
        "callback_faults",
        "clock",
        "expiry",
        "livekit_egress",
        "query_auth",
        "token_only",
        "token_reuse",
    ]
    try:
        load_encoder()
    except ConfigurationError as error:
        return claimed, {"opus_encoder": str(error)}
    return [*claimed, "opus_encoder"], {}


DRIVER = AvatarKitDriver
