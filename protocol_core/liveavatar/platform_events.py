"""What a platform's session tells its owner, besides what both ends tell.

See `protocol_core.liveavatar.events` for the events that both ends share.
"""

from __future__ import annotations

from typing import Any

import msgspec

from protocol_core.liveavatar.events import Bracket, Event

__all__ = [
    "AgentReady",
    "AsrFinal",
    "AsrPartial",
    "AudioConfig",
    "BracketClosed",
    "BracketOpened",
    "ClosingAnnounced",
    "CustomEventReceived",
    "IdleTriggerSent",
    "InterruptRequested",
    "PromptRequested",
    "ResponseCancelled",
    "ResponseDone",
    "ResponseStarted",
    "ResponseText",
    "StateEntered",
    "VoiceFinished",
    "VoiceStarted",
]


class AgentReady(Event, frozen=True, kw_only=True):
    """The agent answered session.init; what was held has been released (LAC-HS-006).

    Attributes:
        repeated: whether it had answered on this socket before.
    """

    repeated: bool = False


class VoiceStarted(Event, frozen=True, kw_only=True):
    """Developer VAD: the user begins to speak; playback is to be cleared (LAC-ASR-007)."""

    request_id: str


class VoiceFinished(Event, frozen=True, kw_only=True):
    """Developer VAD: the user has stopped speaking."""

    request_id: str


class AsrPartial(Event, frozen=True, kw_only=True):
    """Developer ASR: a partial result.

    Attributes:
        request_id: the utterance.
        seq: counter within the utterance.
        text: recognised so far.
    """

    request_id: str
    seq: int
    text: str


class AsrFinal(Event, frozen=True, kw_only=True):
    """Developer ASR: the final result; the conversation moves on (LAC-ASR-008)."""

    request_id: str
    text: str


class AudioConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Speech settings in effect for a response.

    Attributes:
        speed: factor, within the documented range (LAC-RESP-010).
        volume: factor, likewise.
        mood: one of the documented moods; unknown ones count as neutral.
        clamped: whether anything had to be changed.
    """

    speed: float
    volume: float
    mood: str
    clamped: bool = False


class ResponseStarted(Event, frozen=True, kw_only=True):
    """A text response begins, by response.start or by its first chunk (LAC-RESP-002).

    Attributes:
        request_id: the turn it answers.
        response_id: its id.
        audio_config: settings in effect.
        explicit: whether response.start was sent.
        current: False if the conversation has moved on: nothing of it is spoken.
    """

    request_id: str
    response_id: str
    audio_config: AudioConfig
    explicit: bool
    current: bool


class ResponseText(Event, frozen=True, kw_only=True):
    """The next piece of a response's text, in the order of `seq` (LAC-RESP-009).

    Attributes:
        request_id: the turn it answers.
        response_id: the response.
        seq: number of the chunk.
        timestamp: as the agent sent it.
        text: the piece.
        current: False if the conversation has moved on: nothing of it is spoken.
    """

    request_id: str
    response_id: str
    seq: int
    timestamp: int
    text: str
    current: bool


class ResponseDone(Event, frozen=True, kw_only=True):
    """A response's text is complete; that says nothing about playback (LAC-RESP-009).

    Attributes:
        request_id: the turn it answers.
        response_id: the response.
        text: the whole text, in the order of `seq`.
        missing: chunk numbers that never came.
        current: False if the conversation has moved on: nothing of it is spoken.
    """

    request_id: str
    response_id: str
    text: str
    missing: tuple[int, ...]
    current: bool


class ResponseCancelled(Event, frozen=True, kw_only=True):
    """The agent abandons a response.

    Attributes:
        response_id: the response.
        request_id: the turn it answered; None if the response is unknown here.
        current: whether it was the one being prepared or played, so that playback stops.
    """

    response_id: str
    request_id: str | None
    current: bool


class BracketOpened(Event, frozen=True, kw_only=True):
    """The agent begins to send audio.

    Attributes:
        bracket: which speech it is.
        current: False if the conversation has moved on: its frames are dropped.
    """

    bracket: Bracket
    current: bool


class BracketClosed(Event, frozen=True, kw_only=True):
    """The agent's audio is complete, or its bracket was abandoned.

    Attributes:
        bracket: which one.
        frames: frames received in it.
        seconds: their length by their headers.
        complete: False if something else than the fitting finish ended it.
    """

    bracket: Bracket
    frames: int
    seconds: float
    complete: bool


class InterruptRequested(Event, frozen=True, kw_only=True):
    """The agent asks to stop playback.

    Attributes:
        request_id: the turn to stop; None for whatever is playing (LAC-INT-006).
        effective: whether it stops anything: another turn than the current one does not
            (LAC-INT-005).
    """

    request_id: str | None
    effective: bool


class PromptRequested(Event, frozen=True, kw_only=True):
    """The agent wants a wake-up text spoken (LAC-SYS-003).

    Attributes:
        text: the text.
        accepted: False if somebody is active just now, so that it is not spoken.
    """

    text: str
    accepted: bool


class CustomEventReceived(Event, frozen=True, kw_only=True):
    """An event that this revision does not define (LAC-MSG-009).

    Attributes:
        name: its name.
        request_id: its requestId, if it has one.
        data: its data, if it has any.
    """

    name: str
    request_id: str | None
    data: Any


class StateEntered(Event, frozen=True, kw_only=True):
    """The conversation entered a state, and session.state was queued.

    Attributes:
        state: the new state.
        previous: the one before.
        trigger: what led here.
    """

    state: str
    previous: str
    trigger: str


class IdleTriggerSent(Event, frozen=True, kw_only=True):
    """The user has been idle for long enough; system.idleTrigger was queued (LAC-SYS-001)."""

    idle_time_ms: int


class ClosingAnnounced(Event, frozen=True, kw_only=True):
    """The session's time is over; session.closing was queued, the close follows (LAC-CLOSE-001).

    Attributes:
        reason: the reason given.
        close_in: seconds until the close.
    """

    reason: str
    close_in: float
