"""Drives `reference_client.akool`.

open         AkoolClient(config, listener).connect()
set_params   set_parameters(Parameters(...))
send_audio   send_audio(audio), or send_audio_stream(chunks)
interrupt    interrupt()
close        disconnect()
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from conformance.drivers.base import (
    Driver,
    Handler,
    Params,
    Tell,
    Travel,
    UnsupportedError,
    given_bytes,
    present,
    settings_of,
)
from protocol_core.akool.config import ClientConfig
from protocol_core.akool.errors import AkoolError, SendRefused
from protocol_core.akool.parameters import Parameters
from protocol_core.akool.revision import load
from reference_client.akool import AkoolClient, Listener

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import RevisionInfo

__all__ = ["DRIVER", "AkoolDriver", "features"]

OPTIONS = (
    "server_url",
    "session_id",
    "environment",
    "max_attempts",
    "connection_timeout",
    "discovery_timeout",
    "heartbeat_interval",
    "missed_pongs",
    "reconnect",
)
NAMES = {
    # parameter of set_params: member of Parameters
    "app_id": "app_id",
    "channel": "channel",
    "token": "token",
    "uid": "uid",
    "voice_id": "voice",
    "language": "language",
    "background_url": "background",
}
NOT_DOCUMENTED = frozenset({"interrupt", "parameters_again", "session_id", "voice_settings"})
"""Features that the documented dialect has no frames for (OP-14, OP-16)."""


class _Voice(Listener):
    """The listener: every callback becomes an event."""

    def __init__(self, driver: AkoolDriver) -> None:
        self._driver = driver
        self._report = driver.report

    def on_connected(self, session_id: str) -> None:
        self._report("opened", {"session_id": session_id})

    def on_agora_connected(self, channel_id: str) -> None:
        self._report("agora", {"channel_id": channel_id})

    def on_message(self, message: object) -> None:
        self._report("message", {"message": message})

    def on_error(self, error: AkoolError) -> None:
        record = self._driver.record(error)
        self._report("error", {name: part for name, part in record.items() if part is not None})

    def on_disconnected(self, code: int, reason: str) -> None:
        self._report("closed", {"code": code, "reason": reason})


class AkoolDriver(Driver[AkoolClient]):
    """The Akool reference client."""

    protocol = "akool"

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self._given: Params = {}

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "set_params": self._set_params,
            "send_audio": self._send_audio,
            "interrupt": self._interrupt,
            "close": self._close,
        }

    async def leave(self, client: AkoolClient) -> None:
        await client.disconnect()

    def record(self, error: BaseException) -> Params:
        base = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, AkoolError):
            members = ("code", "phase", "kind", "http_status", "raw_body", "close_code")
            found = {name: getattr(error, name) for name in (*members, "close_reason", "message")}
            if error.server_code is not None:
                found["server_code"] = str(error.server_code)
                found["server_detail"] = error.server_text
            return {**base, **found}
        if isinstance(error, SendRefused):
            return {**base, "kind": "local", "code": error.code, "phase": error.phase}
        return {**base, "kind": "local"}

    async def _open(self, params: Params) -> Params:
        settings = self._given = settings_of(params)
        self.configure(settings)
        if not (settings.get("same_client") and self.clients):
            self.clients.append(self._make(settings, params.get("revision")))
        return {"session_id": await self.clients[-1].connect()}

    def _make(self, settings: Params, revision: str | None) -> AkoolClient:
        config = ClientConfig(
            api_key=settings.get("api_key") or "",
            avatar_id=settings.get("avatar_id") or "",
            discovery_url=settings.get("discovery"),
            **present(settings, OPTIONS),
        )
        seed = settings.get("seed")
        return AkoolClient(
            config,
            _Voice(self),
            revision=revision,
            clock=self.travel.clock,
            rng=None if seed is None else random.Random(seed),  # noqa: S311 - a scenario's own
        )

    async def _set_params(self, params: Params) -> Params:
        settings = {**self._given, **params}
        chosen = {member: settings[name] for name, member in NAMES.items() if name in settings}
        if missing := {"channel", "token", "uid"} - chosen.keys():
            raise UnsupportedError(f"`set_params` needs {', '.join(sorted(missing))}")
        await self.client.set_parameters(Parameters(**chosen))
        return {}

    async def _send_audio(self, params: Params) -> Params:
        if "chunks" in params:
            chunks = [given_bytes({"audio": chunk}, "audio") for chunk in params["chunks"]]
            await self.client.send_audio_stream(chunks)
        else:
            await self.client.send_audio(given_bytes(params, "audio"))
        return {}

    async def _interrupt(self, _: Params) -> Params:
        await self.client.interrupt()
        return {}

    async def _close(self, _: Params) -> Params:
        await self.client.disconnect()
        return {}


def features(revision: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the client can do: everything that a client of the revision may."""
    from avatar_protocols.registry import PROTOCOLS

    modules = load(revision.id)
    every = {
        name
        for name, text in PROTOCOLS[revision.protocol].features.items()
        if not text.endswith("(server)")
    }
    missing = dict.fromkeys(NOT_DOCUMENTED, "no such frames in this dialect")
    if not modules.documented:
        missing = {}
    if not modules.direct:
        missing["direct_connect"] = "came with a later revision"
    return sorted(every - missing.keys()), missing


DRIVER = AkoolDriver
