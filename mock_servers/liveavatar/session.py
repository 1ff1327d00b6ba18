"""The platform's side of one agent connection.

It plays the user, the speech synthesis and the renderer for one socket. The session itself outlives
its sockets: see `mock_servers.liveavatar.agents`.
"""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mock_servers.documents import is_object, substitute
from mock_servers.liveavatar.microphone import Microphone
from mock_servers.liveavatar.playback import Playback, speaking_seconds
from mock_servers.mistakes import fail
from mock_servers.session import LiveSession
from mock_servers.timers import Alarm
from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mock_servers.connection import Connection
    from mock_servers.liveavatar import actions as a
    from mock_servers.liveavatar.agents import AgentSession
    from mock_servers.liveavatar.platform import LiveAvatarPlatform

__all__ = ["LiveAvatarSession"]

_PROMPT: Final = "prompt"
_STATE_TRIGGERS_OF_SPEECH: Final = frozenset(
    {"chunk", "audio_start", "prompt", "prompt_audio_start", "prompt_prepared", "rendered"}
)


class LiveAvatarSession(LiveSession):
    """One socket of an agent session.

    Args:
        platform: the platform.
        connection: the socket.
        agent: the session that it belongs to.

    Attributes:
        agent: the session that it belongs to.
        spoken: what the avatar has been given to say on this socket, text by text.
    """

    platform: LiveAvatarPlatform

    def __init__(
        self, platform: LiveAvatarPlatform, connection: Connection, agent: AgentSession
    ) -> None:
        super().__init__(platform, connection, agent.id)
        self.agent = agent
        self.core = agent.core
        self.spoken: list[str] = []
        self.variables = {
            "session_id": agent.id,
            "user_id": agent.core.config.user_id,
            "request_id": agent.core.conversation.turn or "",
            "response_id": "",
        }
        options = platform.options
        self._playback = Playback(
            happened=self._happened,
            later=self.later,
            now=platform.now,
            latency=options.render_latency,
            pace=platform.pace,
        )
        self._microphone = Microphone(
            platform.modules,
            send=self._send_voice,
            at=self.at,
            now=platform.now,
            seed=platform.seed,
            continuous=platform.pace and agent.core.config.developer_asr,
        )
        self._speeds: dict[str, float] = {}
        self._images = itertools.count(1)
        self._alarm = Alarm(self.at, self._on_deadline)

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "state": self.core.connection_state,
            "conversation": self.core.conversation.state,
            "account": self.agent.account.name,
            "avatar_id": self.agent.avatar_id,
            "sandbox": self.agent.sandbox,
            "speech_seconds_left": round(self._playback.remaining, 3),
            "spoken": list(self.spoken),
        }

    # -- life --------------------------------------------------------------------------------------

    def default_open(self) -> None:
        self._deliver(self._open())

    def observe_open(self) -> None:
        self._open()

    def _open(self) -> Sequence[bytes | str]:
        previous, self.agent.socket = self.agent.socket, self
        if previous is not None:
            # The agent came back before the loss of its old connection was noticed.
            previous.replaced()
        if self.agent.expiry is not None:
            self.agent.expiry.cancel()
            self.agent.expiry = None
        return self.core.open(self.platform.now())

    def default_message(self, message: bytes | str) -> None:
        if self.agent.socket is self:
            self._step(self.core.receive(message, self.platform.now()))

    def observe_message(self, message: bytes | str) -> None:
        if self.agent.socket is self:
            for event in self.core.receive(message, self.platform.now()):
                self._remember(event)
            self.core.data_to_send()

    def default_end(self, code: int | None, reason: str) -> None:
        self._fall_silent()
        if self.agent.socket is self:
            self.agent.socket = None
            self.core.closed(code, reason, self.platform.now())
            self.platform.await_agent(self.agent)

    def replaced(self) -> None:
        """Another socket serves the session now."""
        self._fall_silent()
        self.core.closed(None, "", self.platform.now())
        self.connection.close(self.platform.modules.constants.CloseCode.POLICY, "replaced")

    def _fall_silent(self) -> None:
        self._playback.clear()
        self._microphone.close()
        self._alarm.cancel()

    # -- plans -------------------------------------------------------------------------------------

    def on_sent(self, name: str, data: dict[str, Any]) -> None:
        """A plan sent an event itself; what it says of the user's turn counts."""
        if name == self.platform.modules.messages.MessageName.INPUT_TEXT and self.core.is_ready:
            request_id = data.get("requestId")
            inner = data.get("data")
            text = inner.get("text") if is_object(inner) else None
            if isinstance(request_id, str) and isinstance(text, str):
                self.variables["request_id"] = request_id
                follow = self.core.send_text(request_id, text, self.platform.now())
                self._playback.clear()
                self._deliver([message for message in follow if not _is_event(message, name)])

    def send_error(self, name: str) -> None:
        row = self.platform.modules.errors.CATALOGUE[name]
        if row.message is not None:
            document = substitute(row.message, self.variables)
            if not document.get("requestId", True):
                del document["requestId"]
            self.send(json.dumps(document))
        if row.abort:
            self.connection.abort(name)
        elif row.close is not None:
            self.connection.close(row.close.code, row.close.reason)
        closing = self.platform.modules.messages.MessageName.SESSION_CLOSING
        if row.message is not None and row.message.get("event") == closing:
            self.platform.finish(self.agent)  # its close is none any more: the row's was sent

    # -- the core's events -------------------------------------------------------------------------

    def _step(self, happened: Sequence[e.Event]) -> None:
        self._deliver(())
        for event in happened:
            self._remember(event)
            handler = self._HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
        self._close_if_over()
        self._arm()

    def _deliver(self, messages: Sequence[bytes | str]) -> None:
        for message in (*messages, *self.core.data_to_send()):
            self.send(message)
        self._close_if_over()
        self._arm()

    def _remember(self, event: e.Event) -> None:
        for name in ("request_id", "response_id"):
            value = getattr(event, name, None) or getattr(
                getattr(event, "bracket", None), name, None
            )
            if isinstance(value, str):
                self.variables[name] = value

    def _close_if_over(self) -> None:
        over = self.core.close_to_send()
        if over is not None and self.connection.writable:
            self.platform.finish(self.agent)
            code, reason = over
            self.connection.close(code, reason)

    def _happened(self, trigger: str) -> None:
        self._step(self.core.happened(trigger, self.platform.now()))

    def _on_ready(self, event: p.AgentReady) -> None:
        if event.repeated:
            return
        self._microphone.open()
        wait = self.platform.options.scene_ready_after
        if wait is not None and self.platform.pace and wait > 0:
            self.later(wait, self._scene_ready)
        elif wait is not None:
            self._scene_ready()

    def _scene_ready(self) -> None:
        self._deliver(self.core.send_scene_ready(self.platform.now()))

    def _on_response_started(self, event: p.ResponseStarted) -> None:
        self._speeds[event.response_id] = event.audio_config.speed
        if event.current:
            self._playback.begin(event.response_id)

    def _on_response_text(self, event: p.ResponseText) -> None:
        if event.current:
            self._say(event.text, self._speeds.get(event.response_id, 1.0))

    def _on_response_done(self, event: p.ResponseDone) -> None:
        self._speeds.pop(event.response_id, None)
        if event.current:
            self._playback.begin(event.response_id)
            self._playback.end(event.response_id)

    def _on_cancelled(self, event: p.ResponseCancelled) -> None:
        self._speeds.pop(event.response_id, None)
        if not event.current:
            self._playback.end(event.response_id)

    def _on_bracket_opened(self, event: p.BracketOpened) -> None:
        if event.current:
            self._playback.begin(event.bracket.response_id or _PROMPT)

    def _on_audio(self, event: e.AudioReceived) -> None:
        self._playback.add(event.duration)

    def _on_bracket_closed(self, event: p.BracketClosed) -> None:
        self._playback.end(event.bracket.response_id or _PROMPT)

    def _on_prompt(self, event: p.PromptRequested) -> None:
        if not event.accepted:
            return
        self._playback.begin(_PROMPT)
        self._happened("prompt_prepared")
        self._say(event.text, 1.0)
        self._playback.end(_PROMPT)

    def _on_state(self, event: p.StateEntered) -> None:
        # Whatever leads out of speech for another reason than its end stops it (LAC-INPUT-003,
        # LAC-ASR-007, LAC-INT-005, LAC-INT-006).
        if event.trigger not in _STATE_TRIGGERS_OF_SPEECH:
            self._playback.clear()

    def _say(self, text: str, speed: float) -> None:
        self.spoken.append(text)
        rate = self.platform.options.characters_per_second
        self._playback.add(speaking_seconds(text, rate, speed))

    # -- the user and the platform -----------------------------------------------------------------

    def _mint_request(self, given: str | None) -> str:
        return given if given is not None else f"{self.agent.id}-{next(self.agent.requests)}"

    def _refusable(self, send: Callable[[], Sequence[bytes | str]]) -> None:
        try:
            messages = send()
        except LocalProtocolError as error:
            raise ConfigurationError(str(error), setting="action") from error
        self._deliver(messages)

    def _act_say(self, value: a.Say) -> None:
        request_id = self._mint_request(value.request_id)
        self.variables["request_id"] = request_id
        self._playback.clear()
        self._deliver(self.core.send_text(request_id, value.text, self.platform.now()))

    def _act_speak(self, value: a.Speak) -> None:
        if self.core.config.developer_asr:
            self._microphone.say(value.seconds)
            self._arm()
            return
        self._happened("platform_voice_start")
        if self.platform.pace and value.seconds > 0:
            self.later(value.seconds, lambda: self._recognise(value))
        else:
            self._recognise(value)

    def _recognise(self, value: a.Speak) -> None:
        if not value.text:
            self._happened("speech_without_text")
            return
        request_id = self._mint_request(value.request_id)
        self.variables["request_id"] = request_id
        self._deliver(self.core.send_text(request_id, value.text, self.platform.now()))

    def _send_voice(self, frame: Any) -> None:  # noqa: ANN401 - a generated frame
        for message in self.core.send_audio(frame, self.platform.now()):
            self.send(message)

    def _act_image(self, value: a.Image) -> None:
        frames = self.platform.modules.frames
        formats = frames.ImageFrameFormat.__members__
        if value.format not in formats:
            fail("image.format", "no such format", value.format, formats)
        payload = base64.b64decode(value.payload) if value.payload is not None else None
        frame = frames.ImageFrame(
            format=formats[value.format],
            quality=value.quality,
            image_id=next(self._images) if value.image_id is None else value.image_id,
            width=value.width,
            height=value.height,
            payload=payload if payload is not None else self.platform.rng("image").randbytes(512),
        )
        self._refusable(lambda: self.core.send_image(frame, self.platform.now()))

    def _act_interrupt(self, value: a.Interrupt) -> None:
        now = self.platform.now()
        self._playback.clear()
        self._refusable(lambda: self.core.send_interrupt(now, value.request_id))

    def _act_idle(self, value: a.Idle) -> None:
        now = self.platform.now()
        self._deliver(
            self.core.send_idle_trigger(now, idle_time_ms=value.milliseconds, reason=value.reason)
        )

    def _act_closing(self, value: a.Closing) -> None:
        now = self.platform.now()
        self._deliver(self.core.begin_closing(now, reason=value.reason, notice=value.notice))
        if value.notice == 0:
            self._on_deadline()

    def _act_scene_ready(self, _: bool) -> None:  # noqa: FBT001 - an action's value
        self._scene_ready()

    def _act_finish(self, _: bool) -> None:  # noqa: FBT001 - an action's value
        self._playback.finish()

    def _act_happened(self, value: str) -> None:
        try:
            self._happened(value)
        except LocalProtocolError as error:
            fail("happened", str(error), value)

    # -- timers ------------------------------------------------------------------------------------

    def _arm(self) -> None:
        served = self.connection.writable and self.agent.socket is self
        self._alarm.set(self.core.deadline() if served else None)

    def _on_deadline(self) -> None:
        self._step(self.core.timeout(self.platform.now()))

    _HANDLERS: Final[dict[type, Callable[[Any, Any], None]]] = {
        p.AgentReady: _on_ready,
        p.ResponseStarted: _on_response_started,
        p.ResponseText: _on_response_text,
        p.ResponseDone: _on_response_done,
        p.ResponseCancelled: _on_cancelled,
        p.BracketOpened: _on_bracket_opened,
        p.BracketClosed: _on_bracket_closed,
        p.PromptRequested: _on_prompt,
        p.StateEntered: _on_state,
        e.AudioReceived: _on_audio,
    }
    extra_actions: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {
        "say": _act_say,
        "speak": _act_speak,
        "image": _act_image,
        "interrupt": _act_interrupt,
        "idle": _act_idle,
        "closing": _act_closing,
        "scene_ready": _act_scene_ready,
        "finish_playout": _act_finish,
        "happened": _act_happened,
    }


def _is_event(message: bytes | str, name: str) -> bool:
    return isinstance(message, str) and json.loads(message).get("event") == name
