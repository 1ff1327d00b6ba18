"""Drives `reference_client.videosdk.AvatarAgent`.

open         AvatarAgent(config, listener).dispatch(), then join()
join         join(): also to attach again
send_audio   say() of the turn that is open; opens one if none is
end_turn     the turn's end(): completed, cancelled or failed
interrupt    interrupt(); what was being said is over
leave        leave()
close        close()
"""

from __future__ import annotations

import importlib
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
from protocol_core.videosdk.config import AgentConfig
from protocol_core.videosdk.errors import VideoSdkError
from reference_client.videosdk import AgentListener, AvatarAgent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import RevisionInfo
    from protocol_core.videosdk import events as e
    from protocol_core.videosdk.errors import SendError
    from reference_client.videosdk import Utterance

__all__ = ["DRIVER", "VideoSdkDriver", "error_record", "features"]

OPTIONS = ("room_id", "create_room", "participant_id", "agent_id", "ttl", "strict_sender", "token")
OUTCOMES = {"completed": True, "cancelled": False, "failed": False}


def error_record(error: BaseException) -> Params:
    """The error record of an exception of an agent or a worker."""
    base = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, VideoSdkError):
        members = ("code", "phase", "kind", "http_status", "raw_body", "message")
        return {**base, **{name: getattr(error, name) for name in members}}
    return {**base, "kind": "local"}


class _Voice(AgentListener):
    """The listener: every callback becomes an event."""

    def __init__(self, driver: VideoSdkDriver) -> None:
        self._driver = driver
        self._report = driver.report

    def on_attached(self, participant_id: str, room_id: str) -> None:
        self._report("opened", {"participant_id": participant_id, "room_id": room_id})

    def on_ack(self, ack: e.AckReceived) -> None:
        told = {"playback_position": ack.playback_position, "interrupted": ack.interrupted}
        self._report("stream_ended", told)

    def on_detached(self, error: SendError) -> None:
        self._report("detached", self._driver.record(error))


class VideoSdkDriver(Driver[AvatarAgent]):
    """The VideoSDK reference agent."""

    protocol = "videosdk"

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self._turn: Utterance | None = None

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "join": self._join,
            "send_audio": self._send_audio,
            "end_turn": self._end_turn,
            "interrupt": self._interrupt,
            "leave": self._leave,
            "close": self._close,
        }

    async def leave(self, client: AvatarAgent) -> None:
        await client.close()

    def record(self, error: BaseException) -> Params:
        return error_record(error)

    async def _open(self, params: Params) -> Params:
        settings = settings_of(params)
        self.configure(settings)
        if not (settings.get("same_client") and self.clients):
            self.clients.append(self._make(settings, params.get("revision")))
            self._turn = None
        agent = self.client
        await agent.dispatch()
        if settings.get("join", True):
            await agent.join()
        return self._state()

    def _make(self, settings: Params, revision: str | None) -> AvatarAgent:
        given = present(settings, OPTIONS)
        if given.get("create_room"):
            given |= {"room_id": None, "signaling_base_url": settings.get("signaling")}
        credentials = settings.get("credentials")
        if credentials:
            given["participant_id"] = credentials.get("participant_id")
            given["avatar_token"] = credentials.get("token")
        config = AgentConfig(
            api_key=settings.get("api_key"),
            secret=settings.get("secret"),
            dispatcher_url=settings.get("dispatcher"),
            **given,
        )
        return AvatarAgent(
            config,
            _Voice(self),
            room_url=settings.get("room"),
            revision=revision,
            clock=self.travel.clock,
        )

    def _state(self) -> Params:
        agent = self.client
        return {
            "participant_id": agent.participant_id,
            "room_id": agent.room_id,
            "attached": agent.is_attached,
        }

    async def _join(self, _: Params) -> Params:
        await self.client.join()
        return self._state()

    async def _send_audio(self, params: Params) -> Params:
        turn = self._turn
        if turn is None or turn.over or turn.interrupted:
            interruptible = not params.get("uninterruptible", False)
            turn = self._turn = self.client.begin_turn(interruptible=interruptible)
        await turn.say(given_bytes(params, "audio"))
        return {}

    async def _end_turn(self, params: Params) -> Params:
        outcome = params.get("outcome", "completed")
        if outcome not in OUTCOMES:
            raise UnsupportedError(f"`outcome` is {', '.join(OUTCOMES)}")
        turn, self._turn = self._turn, None
        if turn is None:
            turn = self.client.begin_turn()
        await turn.end(completed=OUTCOMES[outcome])
        return {}

    async def _interrupt(self, _: Params) -> Params:
        if await self.client.interrupt():
            self._turn = None
        return {}

    async def _leave(self, _: Params) -> Params:
        await self.client.leave()
        return {}

    async def _close(self, _: Params) -> Params:
        await self.client.close()
        self.tell("closed", {})
        return {}


def features(revision: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the agent can do: everything that an agent may."""
    from avatar_protocols.registry import PROTOCOLS

    importlib.import_module("jwt")  # without it no token is signed, and the claim is left out
    every = PROTOCOLS[revision.protocol].features
    return [name for name, text in every.items() if not text.endswith("(server)")], {}


DRIVER = VideoSdkDriver
