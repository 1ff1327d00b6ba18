"""Drives `reference_client.liveavatar`.

open         LiveAvatarClient(config, listener).start()
send_event   the client's method of that event (see SENDERS); any other name: send_event
send_frame   send_audio_frame, send_image_frame
send_text    one whole response: respond(request_id)
send_audio   one whole bracket: speak(request_id), prompt_audio()
interrupt    send_interrupt(request_id)
close        stop()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from protocol_core.liveavatar.config import ClientConfig
from protocol_core.liveavatar.errors import LiveAvatarError, SendRefused
from reference_client.backoff import BackoffSettings
from reference_client.liveavatar import Listener, LiveAvatarClient, new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import RevisionInfo
    from protocol_core.liveavatar import events as e
    from protocol_core.liveavatar.errors import HandshakeError

__all__ = ["DRIVER", "LiveAvatarDriver", "features"]

IDS = ("request_id", "response_id")
SENDERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # event: (method, positional parameters, optional keyword parameters)
    "RESPONSE_START": ("send_response_start", IDS, ("speed", "volume", "mood")),
    "RESPONSE_CHUNK": ("send_response_chunk", (*IDS, "text"), ("seq", "timestamp")),
    "RESPONSE_DONE": ("send_response_done", IDS, ()),
    "RESPONSE_CANCEL": ("send_response_cancel", ("response_id",), ()),
    "RESPONSE_AUDIO_START": ("send_response_audio_start", IDS, ()),
    "RESPONSE_AUDIO_FINISH": ("send_response_audio_finish", IDS, ()),
    "RESPONSE_AUDIO_PROMPT_START": ("send_prompt_audio_start", (), ()),
    "RESPONSE_AUDIO_PROMPT_FINISH": ("send_prompt_audio_finish", (), ()),
    "INPUT_VOICE_START": ("send_voice_start", ("request_id",), ()),
    "INPUT_VOICE_FINISH": ("send_voice_finish", ("request_id",), ()),
    "INPUT_ASR_PARTIAL": ("send_asr_partial", ("request_id", "text"), ("seq",)),
    "INPUT_ASR_FINAL": ("send_asr_final", ("request_id", "text"), ()),
    "CONTROL_INTERRUPT": ("send_interrupt", (), ("request_id",)),
    "SYSTEM_PROMPT": ("send_prompt", ("text",), ()),
    "ERROR": ("send_error", ("code", "message"), ("request_id",)),
}
BEGINNINGS = ("RESPONSE_START", "RESPONSE_AUDIO_START")
FRAMES = {"AudioFrame": "send_audio_frame", "ImageFrame": "send_image_frame"}
OPTIONS = (
    "voice_id",
    "sandbox",
    "timeout",
    "developer_tts",
    "developer_asr",
    "reconnect",
    "reconnect_base_delay",
    "reconnect_max_delay",
)


class _Voice(Listener):
    """The listener: every callback becomes an event."""

    def __init__(self, driver: LiveAvatarDriver) -> None:
        self._driver = driver
        self._report = driver.report

    def on_session_init(self, session_id: str, user_id: str) -> None:
        self._report("init", {"session_id": session_id, "user_id": user_id})

    def on_scene_ready(self) -> None:
        self._report("scene", {})

    def on_session_state(self, state: e.StateChanged) -> None:
        told = {"state": state.state, "seq": state.seq, "timestamp": state.timestamp}
        self._report("state", told)

    def on_text_input(self, text: str, request_id: str) -> None:
        self._report("text", {"request_id": request_id, "text": text})

    def on_audio_frame(self, frame: e.AudioReceived) -> None:
        self._report("audio", _described(frame.frame, frame.payload))

    def on_image_frame(self, frame: e.ImageReceived) -> None:
        self._report("image", _described(frame.frame, frame.payload))

    def on_interrupt(self, request_id: str | None) -> None:
        self._report("interrupted", {"request_id": request_id})

    def on_idle_trigger(self, reason: str, idle_time_ms: int) -> None:
        self._report("idle", {"reason": reason, "idle_time_ms": idle_time_ms})

    def on_session_closing(self, reason: str | None) -> None:
        self._report("closing", {"reason": reason})

    def on_error(self, code: str, message: str, request_id: str | None) -> None:
        record = {
            "code": "PLATFORM_ERROR",
            "phase": "runtime",
            "kind": "protocol",
            "message": message,
            "server_code": code,
            "server_detail": message,
            "req_id": request_id,
            "type": "on_error",
        }
        self._report("error", {name: part for name, part in record.items() if part is not None})

    def on_session_failed(self, error: HandshakeError) -> None:
        self._report("error", self._driver.record(error))

    def on_closed(self, code: int, reason: str) -> None:
        self._report("closed", {"code": code, "reason": reason})


class LiveAvatarDriver(Driver[LiveAvatarClient]):
    """The Live Avatar reference client."""

    protocol = "liveavatar"

    def __init__(self, travel: Travel, tell: Tell) -> None:
        super().__init__(travel, tell)
        self._response = ""

    @property
    def commands(self) -> Mapping[str, Handler]:
        return {
            "open": self._open,
            "send_event": self._send_event,
            "send_frame": self._send_frame,
            "send_text": self._send_text,
            "send_audio": self._send_audio,
            "interrupt": self._interrupt,
            "close": self._close,
        }

    async def leave(self, client: LiveAvatarClient) -> None:
        await client.stop()

    def record(self, error: BaseException) -> Params:
        base = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, LiveAvatarError):
            members = ("code", "phase", "kind", "http_status", "raw_body", "close_code")
            found = {name: getattr(error, name) for name in (*members, "close_reason")}
            if error.server_code is not None:
                found |= {"server_code": str(error.server_code), "server_detail": error.message}
            return {**base, **found, "message": error.message}
        if isinstance(error, SendRefused):
            return {**base, "kind": "local", "code": str(error.code), "phase": "runtime"}
        return {**base, "kind": "local"}

    async def _open(self, params: Params) -> Params:
        settings = settings_of(params)
        self.configure(settings)
        if not (settings.get("same_client") and self.clients):
            self.clients.append(self._make(settings, params.get("revision")))
        result = await self.clients[-1].start()
        self.tell("opened", {"session_id": result.session_id})
        return {
            "session_id": result.session_id,
            "sfu_url": result.sfu_url,
            "user_token": result.user_token,
            "agent_token": result.agent_token,
        }

    def _make(self, settings: Params, revision: str | None) -> LiveAvatarClient:
        config = ClientConfig(
            api_key=settings.get("api_key") or "",
            avatar_id=settings.get("avatar_id") or "",
            base_url=settings.get("base") or settings.get("dispatcher") or "",
            **present(settings, OPTIONS),
        )
        retry = BackoffSettings(attempts=3) if settings.get("start_retry") else None
        return LiveAvatarClient(
            config, _Voice(self), revision=revision, clock=self.travel.clock, retry_start=retry
        )

    async def _send_event(self, params: Params) -> Params:
        client = self.client
        name, data = str(params.get("name", "")), dict(params.get("data") or {})
        events = client.revision.messages.MessageName
        member = next((item.name for item in events if item.value == name), "")
        if member not in SENDERS:
            await client.send_event(name, request_id=data.get("request_id"), data=data.get("data"))
            return _used(data)
        method, positional, optional = SENDERS[member]
        if unknown := data.keys() - {*positional, *optional}:
            raise UnsupportedError(f"{name} has no {', '.join(sorted(unknown))}")
        self._mint(member, positional, data)
        if missing := [parameter for parameter in positional if parameter not in data]:
            raise UnsupportedError(f"{name} needs {', '.join(missing)}")
        arguments = [data[parameter] for parameter in positional]
        await getattr(client, method)(*arguments, **present(data, optional))
        return _used(data)

    def _mint(self, member: str, positional: tuple[str, ...], data: Params) -> None:
        """Fill in the ids that a scenario leaves to the implementation."""
        if "request_id" in positional:
            data.setdefault("request_id", new_id())
        if "response_id" in positional:
            if member in BEGINNINGS or not self._response:
                self._response = new_id()
            self._response = data.setdefault("response_id", self._response)

    async def _send_frame(self, params: Params) -> Params:
        kind = str(params.get("frame", ""))
        frame_type = self.client.revision.frames.FRAMES.get(kind)
        if frame_type is None:
            raise UnsupportedError(f"there is no frame {kind!r}")
        fields = {k: v for k, v in params.items() if k not in {"frame", "payload", "key"}}
        if "key" in params:
            fields["key"] = bool(params["key"])
        frame = frame_type(**fields, payload=given_bytes(params, "payload"))
        await getattr(self.client, FRAMES[kind])(frame)
        return {}

    async def _send_text(self, params: Params) -> Params:
        chunks = params["chunks"] if "chunks" in params else [params.get("text", "")]
        options = present(params, ("response_id", "speed", "volume", "mood"))
        request_id = params.get("request_id") or new_id()
        async with self.client.respond(request_id, **options) as response:
            for chunk in chunks:
                await response.write(chunk)
        return {"request_id": request_id, "response_id": response.response_id}

    async def _send_audio(self, params: Params) -> Params:
        if params.get("codec", "pcm") != "pcm":
            raise UnsupportedError("`codec` is pcm")
        audio = given_bytes(params, "audio")
        rate = present(params, ("sample_rate",))
        if params.get("prompt"):
            async with self.client.prompt_audio(**rate) as prompt:
                await prompt.write(audio)
            return {}
        request_id = params.get("request_id") or new_id()
        options = {**rate, **present(params, ("response_id",))}
        async with self.client.speak(request_id, **options) as speech:
            await speech.write(audio)
        return {"request_id": request_id, "response_id": speech.response_id}

    async def _interrupt(self, params: Params) -> Params:
        await self.client.send_interrupt(params.get("request_id"))
        return {}

    async def _close(self, _: Params) -> Params:
        await self.client.stop()
        return {}


def _described(frame: Any, payload: bytes) -> Params:  # noqa: ANN401 - a generated frame
    fields = {name: getattr(frame, name) for name in frame.FIELDS if name != "payload"}
    return {**fields, "payload": encoded(payload)}


def _used(data: Params) -> Params:
    return present(data, (*IDS, "seq", "timestamp"))


def features(_: RevisionInfo) -> tuple[list[str], dict[str, str]]:
    """What the client can do: everything that a client may."""
    from avatar_protocols.registry import PROTOCOLS

    every = PROTOCOLS["liveavatar"].features
    claimed = [name for name, text in every.items() if not text.endswith("(server)")]
    return claimed, {}


DRIVER = LiveAvatarDriver
