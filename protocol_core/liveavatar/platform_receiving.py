"""Everything an agent may send, each with its meaning for the platform.

Nothing here raises for what arrives. What has no effect comes out as `Ignored`: the documents know
no answer to it, and the connection stays. `ServerSession` adds the connection's life around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from protocol_core.liveavatar.platform_turns import PlatformTurns, Speech

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.liveavatar.revision import Revision

__all__ = ["PlatformReceiving"]


class PlatformReceiving(PlatformTurns):
    """The receiving half of a platform's session.

    Args:
        revision: which revision's messages.
        now: the current time, seconds.
        epoch: epoch seconds at clock time 0, for timestamps.
        jitter_patience: seconds that an audio frame waits for a missing one.
    """

    def __init__(
        self, revision: Revision, *, now: float, epoch: float, jitter_patience: float
    ) -> None:
        super().__init__(revision, now=now, epoch=epoch, jitter_patience=jitter_patience)
        m = revision.messages
        agent_event: dict[type, Callable[[Any, float], list[e.Event]]] = {
            m.InputVoiceStart: self._on_voice_start,
            m.InputVoiceFinish: self._on_voice_finish,
            m.InputAsrPartial: self._on_partial,
            m.InputAsrFinal: self._on_final,
            m.ResponseStart: self._on_response_start,
            m.ResponseChunk: self._on_chunk,
            m.ResponseDone: self._on_done,
            m.ResponseCancel: self._on_cancel,
            m.ResponseAudioStart: self._on_audio_start,
            m.ResponseAudioFinish: self._on_audio_finish,
            m.ResponseAudioPromptStart: self._on_prompt_start,
            m.ResponseAudioPromptFinish: self._on_prompt_finish,
            m.ControlInterrupt: self._on_interrupt,
            m.SystemPrompt: self._on_prompt,
            m.ErrorEvent: self._on_error,
        }
        trigger = self._triggers.AGENT_EVENT
        self._handlers = {kind: (trigger, handler) for kind, handler in agent_event.items()}
        self._handlers[m.SessionReady] = (self._triggers.READY, self._on_ready)

    def receive(self, data: bytes | str, now: float) -> list[e.Event]:
        """What a message means. Never raises for what the agent sends."""
        if not self._socket_open or self._machine.state == self._states.CLOSED:
            return [e.Ignored(reason=e.Reason.AFTER_CLOSE, data=data)]
        if isinstance(data, bytes):
            return self._receive_frame(data, now)
        message: Any = self._codec.decode(data)
        if isinstance(message, e.Ignored):
            return [self._on_unfit(message, data)]
        name = message.__struct_config__.tag
        if type(message) not in self._handlers:
            return [e.Ignored(reason=e.Reason.WRONG_DIRECTION, name=name, data=data)]
        trigger, handler = self._handlers[type(message)]
        if not self._admit(trigger):
            return [self._untimely(name, data)]
        return handler(message, now)

    def _receive_frame(self, data: bytes, now: float) -> list[e.Event]:
        event = self._frames.read(data)
        if isinstance(event, e.Ignored):
            return [event]
        name = type(event.frame).__name__
        if not self._admit(self._triggers.AGENT_FRAME):
            return [self._untimely(name, data)]
        if isinstance(event, e.ImageReceived):
            return [event]
        if self._bracket is None:
            return [
                e.Ignored(
                    reason=e.Reason.OUTSIDE_BRACKET,
                    name=name,
                    requirement="LAC-TTS-004",
                    data=data,
                )
            ]
        if self._bracket.stale:
            return [self._stale(name, data)]
        return self._count(self._bracket, self._audio.push(event, now))

    def _on_unfit(self, ignored: e.Ignored, text: str) -> e.Event:
        """No event of the revision; one of another name is the agent's own (LAC-MSG-009)."""
        if ignored.reason is not e.Reason.UNKNOWN_EVENT:
            return ignored
        if not self._admit(self._triggers.AGENT_EVENT):
            return self._untimely(ignored.name, text)
        own = self._codec.envelope(text)
        return p.CustomEventReceived(name=own.name, request_id=own.request_id, data=own.data)

    def _on_ready(self, _: Any, now: float) -> list[e.Event]:
        repeated, self._ready = self._ready, True
        held, self._held = self._held, []
        for deliver in held:  # LAC-HS-006
            self._out = self._in_order(deliver, now)
        return [p.AgentReady(repeated=repeated)]

    # --- speech recognition ---------------------------------------------------------------------

    def _on_voice_start(self, message: Any, now: float) -> list[e.Event]:
        self._new_turn(message.request_id)
        return [
            p.VoiceStarted(request_id=message.request_id),
            *self._fire(self._triggers.VOICE_START, now),
        ]

    def _on_voice_finish(self, message: Any, _: float) -> list[e.Event]:
        return [p.VoiceFinished(request_id=message.request_id)]

    def _on_partial(self, message: Any, _: float) -> list[e.Event]:
        return [
            p.AsrPartial(request_id=message.request_id, seq=message.seq, text=message.data.text)
        ]

    def _on_final(self, message: Any, now: float) -> list[e.Event]:
        if self.conversation.turn != message.request_id:
            self._new_turn(message.request_id)
        return [
            p.AsrFinal(request_id=message.request_id, text=message.data.text),
            *self._fire(self._triggers.ASR_FINAL, now),
        ]

    # --- text responses -------------------------------------------------------------------------

    def _on_response_start(self, message: Any, _: float) -> list[e.Event]:
        name = self._messages.MessageName.RESPONSE_START
        if message.response_id in self._responses:
            return [self._out_of_turn(name, "the response has begun", "LAC-RESP-001")]
        if self._over.get(message.response_id) is not None:
            return [self._response_over(message.response_id, name)]
        config = _effective(self.revision, message.data.audio_config)
        return [self._begin(message, config, explicit=True)]

    def _on_chunk(self, message: Any, now: float) -> list[e.Event]:
        name = self._messages.MessageName.RESPONSE_CHUNK
        if self._over.get(message.response_id) is not None:
            return [self._response_over(message.response_id, name)]
        events: list[e.Event] = []
        speech = self._responses.get(message.response_id)
        if speech is None:  # LAC-RESP-002
            config = _effective(self.revision, self._messages.AudioConfig())
            events.append(self._begin(message, config, explicit=False))
            speech = self._responses[message.response_id]
        if speech.request_id != message.request_id:
            return [self._out_of_turn(name, "another requestId than before", "LAC-RESP-004")]
        pieces = speech.chunks.add(message.seq, message.timestamp, message.data.text)
        if pieces is None:
            detail = f"chunk {message.seq} has been here"
            return [
                e.Ignored(
                    reason=e.Reason.DUPLICATE_CHUNK,
                    name=name,
                    detail=detail,
                    requirement="LAC-RESP-009",
                )
            ]
        if not speech.stale:
            events += self._fire(self._triggers.CHUNK, now)
        return [*events, *self._texts(message.response_id, speech, pieces)]

    def _on_done(self, message: Any, _: float) -> list[e.Event]:
        name = self._messages.MessageName.RESPONSE_DONE
        if self._over.get(message.response_id) is not None:
            return [self._response_over(message.response_id, name)]
        speech = self._responses.pop(message.response_id, None)
        if speech is None:
            speech = Speech(message.request_id, stale=self._is_stale(message.request_id))
        self._over.note(message.response_id, "done")
        rest = self._texts(message.response_id, speech, speech.chunks.finish())
        return [
            *rest,
            p.ResponseDone(
                request_id=speech.request_id,
                response_id=message.response_id,
                text=speech.chunks.text,
                missing=speech.chunks.missing,
                current=not speech.stale,
            ),
        ]

    def _on_cancel(self, message: Any, now: float) -> list[e.Event]:
        response_id = message.response_id
        if self._over.get(response_id) == "cancelled":
            return [self._response_over(response_id, self._messages.MessageName.RESPONSE_CANCEL)]
        turn = self._turns.get(response_id)
        self._responses.pop(response_id, None)
        self._over.note(response_id, "cancelled")
        events: list[e.Event] = []
        bracket = self._bracket
        if bracket is not None and bracket.bracket.response_id == response_id:
            events += self._end_bracket(bracket, complete=False)
        # A turn may have several responses (LAC-INPUT-005): the others go on.
        current = turn is not None and turn == self.conversation.turn and not self._speaks(turn)
        events.append(
            p.ResponseCancelled(response_id=response_id, request_id=turn, current=current)
        )
        if current:
            events += self._fire(self._triggers.CANCEL, now)
        return events

    # --- audio brackets -------------------------------------------------------------------------

    def _on_audio_start(self, message: Any, now: float) -> list[e.Event]:
        name = self._messages.MessageName.RESPONSE_AUDIO_START
        if self._over.get(message.response_id) is not None:
            return [self._response_over(message.response_id, name)]
        stale = self._answer(message.request_id, message.response_id)
        bracket = e.Bracket(
            kind=e.BracketKind.RESPONSE,
            request_id=message.request_id,
            response_id=message.response_id,
        )
        events = self._open_bracket(bracket, stale=stale)
        return events if stale else [*events, *self._fire(self._triggers.AUDIO_START, now)]

    def _on_audio_finish(self, message: Any, _: float) -> list[e.Event]:
        opened = self._bracket
        meant = e.Bracket(
            kind=e.BracketKind.RESPONSE,
            request_id=message.request_id,
            response_id=message.response_id,
        )
        if opened is None or opened.bracket != meant:
            name = self._messages.MessageName.RESPONSE_AUDIO_FINISH
            return [self._out_of_turn(name, "no such bracket is open", "LAC-TTS-001")]
        self._over.note(message.response_id, "done")
        return self._end_bracket(opened, complete=True)

    def _on_prompt_start(self, _: Any, now: float) -> list[e.Event]:
        stale = not self.conversation.allows(self._triggers.PROMPT_AUDIO_START)
        if not stale:
            self._new_turn(None)
        events = self._open_bracket(e.Bracket(kind=e.BracketKind.PROMPT), stale=stale)
        return [*events, *self._fire(self._triggers.PROMPT_AUDIO_START, now)]

    def _on_prompt_finish(self, _: Any, __: float) -> list[e.Event]:
        opened = self._bracket
        if opened is None or opened.bracket.kind is not e.BracketKind.PROMPT:
            name = self._messages.MessageName.RESPONSE_AUDIO_PROMPT_FINISH
            return [self._out_of_turn(name, "no prompt bracket is open", "LAC-TTS-003")]
        return self._end_bracket(opened, complete=True)

    # --- control --------------------------------------------------------------------------------

    def _on_interrupt(self, message: Any, now: float) -> list[e.Event]:
        turn = message.request_id or None
        # LAC-INT-005: only the current turn; LAC-INT-006: without an id whatever is playing.
        meant = turn is None or turn == self.conversation.turn
        effective = meant and self.conversation.allows(self._triggers.INTERRUPT)
        events: list[e.Event] = [p.InterruptRequested(request_id=turn, effective=effective)]
        if effective:
            self._outdate()
            events += self._fire(self._triggers.INTERRUPT, now)
        return events

    def _on_prompt(self, message: Any, now: float) -> list[e.Event]:
        accepted = self.conversation.allows(self._triggers.PROMPT)
        if accepted:
            self._new_turn(None)
        return [
            p.PromptRequested(text=message.data.text, accepted=accepted),
            *self._fire(self._triggers.PROMPT, now),
        ]

    def _on_error(self, message: Any, _: float) -> list[e.Event]:
        data, turn = message.data, message.request_id or None
        return [e.ErrorReceived(code=data.code, message=data.message, request_id=turn)]


def _effective(revision: Revision, wanted: Any) -> p.AudioConfig:
    """What the platform makes of an audioConfig (LAC-RESP-010)."""
    limits = revision.constants.AudioConfig
    moods: Any = revision.constants.Mood
    speed = min(max(wanted.speed, limits.SPEED_MIN), limits.SPEED_MAX)
    volume = min(max(wanted.volume, limits.VOLUME_MIN), limits.VOLUME_MAX)
    asked = moods.NEUTRAL if wanted.mood is UNSET else wanted.mood
    known = {getattr(moods, name) for name in dir(moods) if name.isupper()}
    mood = asked if asked in known else moods.NEUTRAL
    changed = (speed, volume, mood) != (wanted.speed, wanted.volume, asked)
    return p.AudioConfig(speed=speed, volume=volume, mood=mood, clamped=changed)
