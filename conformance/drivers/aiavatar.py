"""Drives `reference_client.aiavatar`: `SocketClient` or `ChatClient`, as option ``transport`` says.

open              SocketClient(config, listener).start(); ChatClient(config, listener)
send_text         invoke(text) or say(text)
send_audio        invoke(audio=…) or say(audio=…) with ``turn``, else send_audio(pcm) or hear(pcm)
send_event        config: configure(…)
transcribe        ChatClient.transcribe(pcm)
synthesize        ChatClient.synthesize(text)
finish_playback   the sound that the stand-in player holds is over
close             close()
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.drivers.base import (
    Driver,
    Handler,
    Params,
    Tell,
    Travel,
    UnsupportedError,
    encoded,
    given_bytes,
    present,
    settings_of,
)
from protocol_core.aiavatar.config import ClientConfig
from protocol_core.aiavatar.errors import AIAvatarError, SendRefused
from reference_client.aiavatar import ChatClient, Listener, SocketClient, Speech

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from avatar_protocols.tables import RevisionInfo
    from protocol_core.aiavatar import events as e

__all__ = ["DRIVER", "AIAvatarDriver", "features"]

OPTIONS = (
    "session_id",
    "user_id",
    "context_id",
    "api_key",
    "timeout",
    "handshake_timeout",
    "volume_db_threshold",
    "cancel_echo",
)
TURN = ("files", "system_prompt_params")
_MARK = re.compile(r"\((?P<role>server)?(?:, )?(?P<since>\d+\.\d+)?\)$")
ERROR_MEMBERS = ("code", "phase", "kind", "http_status", "raw_body", "close_code", "close_reason")


class _Stage(Listener):
    """The listener: every callback becomes an event."""

    def __init__(self, driver: AIAvatarDriver, settings: Params) -> None:
        self._driver = driver
        self._report = driver.report
        self._images: Mapping[str, str] = settings.get("images") or {}
        self._hold = settings.get("playback", "instant") == "hold"
        self.over = asyncio.Event()

    async def play(self, speech: Speech) -> None:
        told = {"audio": encoded(speech.audio), "voice_text": speech.voice_text}
        self._driver.tell("play", {**told, "pcm_format": _built(speech.pcm_format)})
        completed = False
        try:
            if self._hold:
                self.over.clear()
                await self.over.wait()
            completed = True
        finally:
            self._driver.tell("played", {"completed": completed})

    def on_connected(self, session_id: str, context_id: str | None) -> None:
        self._report("connected", {"session_id": session_id, "context_id": context_id})

    def on_start(self, context_id: str | None, request_text: str | None) -> None:
        self._report("start", {"context_id": context_id, "request_text": request_text})

    def on_chunk(self, response: e.Response) -> None:
        told = {
            "text": response.text,
            "voice_text": response.voice_text,
            "language": response.language,
            "audio": encoded(response.audio),
            "pcm_format": _built(response.pcm_format),
            "metadata": response.metadata,
        }
        self._report("chunk", told)

    def on_tool_call(self, call: e.ToolCalled) -> None:
        told = {
            "id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
            "data": call.data,
            "is_final": call.is_final,
        }
        self._report("tool_call", told)

    def on_vision(self, source: str) -> str | None:
        self._report("vision", {"source": source})
        return self._images.get(source)

    def on_final(self, text: str, voice_text: str) -> None:
        self._report("final", {"text": text, "voice_text": voice_text})

    def on_superseded(self, text: str) -> None:
        self._report("superseded", {"text": text})

    def on_nothing_heard(self) -> None:
        self._report("nothing_heard", {})

    def on_stop(self, context_id: str | None) -> None:
        self._report("stop", {"context_id": context_id})

    def on_flush(self, dropped: int, playing: bool) -> None:  # noqa: FBT001 - a callback
        self._report("flush", {"dropped": dropped, "playing": playing})

    def on_face(self, name: str, duration: float | None) -> None:
        self._report("face", {"name": name, "duration": duration})

    def on_animation(self, name: str, duration: float | None) -> None:
        self._report("animation", {"name": name, "duration": duration})

    def on_error(self, error: AIAvatarError) -> None:
        self._report("error", self._driver.known(error))

    def on_closed(self, code: int, reason: str) -> None:
        self._report("closed", {"code": code, "reason": reason})


class AIAvatarDriver(Driver[ChatClient | SocketClient]):
    """The AIAvatarKit reference clients."""

    protocol = "aiavatar"

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self._turns: set[asyncio.Task[object]] = set()
        self._stages: list[_Stage] = []

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "send_text": self._send_text,
            "send_audio": self._send_audio,
            "send_event": self._send_event,
            "transcribe": self._transcribe,
            "synthesize": self._synthesize,
            "finish_playback": self._finish_playback,
            "close": self._close,
        }

    async def leave(self, client: ChatClient | SocketClient) -> None:
        await client.close()
        turns, self._turns = self._turns, set()
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)

    def record(self, error: BaseException) -> Params:
        base = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, AIAvatarError):
            found = {name: getattr(error, name) for name in ERROR_MEMBERS}
            found["server_detail"] = error.detail or None
            return {**base, **found, "message": error.message}
        if isinstance(error, SendRefused):
            return {**base, "kind": "local", "code": str(error.code), "phase": "runtime"}
        return {**base, "kind": "local"}

    def known(self, error: BaseException) -> Params:
        """The error record without what is not known."""
        return {name: part for name, part in self.record(error).items() if part is not None}

    async def _open(self, params: Params) -> Params:
        settings = settings_of(params)
        self.configure(settings)
        if not (settings.get("same_client") and self.clients):
            self.clients.append(self._make(settings, params.get("revision")))
        client = self.client
        if isinstance(client, SocketClient):
            await client.start()
        identity = {"session_id": client.session_id, "context_id": client.context_id}
        self.tell("opened", identity)
        return identity

    def _make(self, settings: Params, revision: str | None) -> ChatClient | SocketClient:
        config = ClientConfig(
            http=settings.get("http"),
            websocket=settings.get("websocket"),
            faces=tuple(settings.get("faces") or ()),
            animations=tuple(settings.get("animations") or ()),
            **present(settings, OPTIONS),
        )
        kinds: dict[str, type[ChatClient | SocketClient]] = {
            "http": ChatClient,
            "websocket": SocketClient,
        }
        transport = settings.get("transport", "websocket")
        if transport not in kinds:
            raise UnsupportedError(f"`transport` is {' or '.join(kinds)}, not {transport!r}")
        self._stages.append(_Stage(self, settings))
        return kinds[transport](
            config, self._stages[-1], revision=revision, clock=self.travel.clock
        )

    async def _send_text(self, params: Params) -> Params:
        text = params.get("text")
        return await self._turn(None if text is None else str(text), None, params)

    async def _send_audio(self, params: Params) -> Params:
        audio, client = given_bytes(params, "audio"), self.client
        if params.get("turn"):
            return await self._turn(None, audio, params)
        if isinstance(client, SocketClient):
            await client.send_audio(audio)
        else:
            await client.hear(audio)
        return {}

    async def _turn(self, text: str | None, audio: bytes | None, params: Params) -> Params:
        client, options = self.client, present(params, TURN)
        if isinstance(client, SocketClient):
            await client.invoke(text, audio=audio, **options)
        else:
            await self._attend(client.say(text, audio=audio, **options))
        return {}

    async def _attend(self, turn: Coroutine[Any, Any, object]) -> None:
        """Let a turn run beside the commands; what it fails by becomes an event."""
        task = asyncio.create_task(turn, name="turn of the adapter")
        self._turns.add(task)
        await asyncio.sleep(0)  # a local refusal comes at once
        if task.done() and isinstance(task.exception(), SendRefused):
            self._turns.discard(task)
            await task
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[object]) -> None:
        self._turns.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.tell("error", self.known(error))

    async def _send_event(self, params: Params) -> Params:
        client, name = self.client, params.get("name")
        if not isinstance(client, SocketClient):
            raise UnsupportedError("over HTTP there are no events of the client")
        if name != client.revision.constants.RequestType.CONFIG:
            raise UnsupportedError(f"the client has no way to send {name!r}")
        key = client.revision.constants.MetadataKey.VOLUME_DB_THRESHOLD
        data: Params = params.get("data") or {}
        if set(data) != {key}:
            raise UnsupportedError(f"config takes {key}")
        await client.configure(volume_db_threshold=float(data[key]))
        return {}

    async def _transcribe(self, params: Params) -> Params:
        return {"text": await self._speech_client().transcribe(given_bytes(params, "audio"))}

    async def _synthesize(self, params: Params) -> Params:
        options = present(params, ("language", "style_info"))
        audio = await self._speech_client().synthesize(str(params.get("text", "")), **options)
        return {"audio": encoded(audio)}

    def _speech_client(self) -> ChatClient:
        client = self.client
        if not isinstance(client, ChatClient):
            raise UnsupportedError("the speech endpoints are HTTP: open with transport http")
        return client

    async def _finish_playback(self, _: Params) -> Params:
        for stage in self._stages:
            stage.over.set()
        return {}

    async def _close(self, _: Params) -> Params:
        await self.leave(self.client)
        return {}


def _built(record: msgspec.Struct | None) -> Any:  # noqa: ANN401 - JSON, or null
    return None if record is None else msgspec.to_builtins(record)


def features(revision: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the clients can do: everything that a client of the revision may."""
    from avatar_protocols.registry import PROTOCOLS

    every = PROTOCOLS["aiavatar"].features
    return [name for name, text in every.items() if _is_ours(text, revision.id)], {}


def _is_ours(text: str, revision: str) -> bool:
    """Whether a feature is one of clients, and not of a later revision; its description ends so."""
    mark = _MARK.search(text)
    return mark is None or (mark["role"] is None and revision >= (mark["since"] or ""))


DRIVER = AIAvatarDriver
