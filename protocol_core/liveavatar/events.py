"""What a session tells its owner. Each event is frozen and names a fact.

both ends   AudioReceived ImageReceived ErrorReceived Ignored Closed
agent       SessionOpened HandshakeFailed SceneReady StateChanged TextReceived InterruptReceived
            IdleTriggered SessionClosing ResponsesAbandoned ResponsesLost ReconnectScheduled
            ReconnectDue
platform    see `protocol_core.liveavatar.platform_events`

Nothing the peer sends vanishes: what the rules tell a peer to ignore arrives as `Ignored`, with
the reason and, where one applies, the rule.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

__all__ = [
    "AudioReceived",
    "Bracket",
    "BracketKind",
    "Cause",
    "Closed",
    "ErrorReceived",
    "Event",
    "HandshakeFailed",
    "IdleTriggered",
    "Ignored",
    "ImageReceived",
    "InterruptReceived",
    "Reason",
    "ReconnectDue",
    "ReconnectScheduled",
    "ResponsesAbandoned",
    "ResponsesLost",
    "SceneReady",
    "SessionClosing",
    "SessionOpened",
    "StateChanged",
    "TextReceived",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


# --- both ends ---------------------------------------------------------------------------------


class Reason(StrEnum):
    """Why something that arrived has no effect."""

    NOT_JSON = "notJson"
    NOT_AN_OBJECT = "notAnObject"
    NO_EVENT_NAME = "noEventName"
    UNKNOWN_EVENT = "unknownEvent"
    MALFORMED_EVENT = "malformedEvent"
    WRONG_DIRECTION = "wrongDirection"
    NOT_FOR_US = "notForUs"
    BEFORE_HANDSHAKE = "beforeHandshake"
    OUT_OF_TURN = "outOfTurn"
    EMPTY_MESSAGE = "emptyMessage"
    UNKNOWN_FRAME = "unknownFrame"
    MALFORMED_FRAME = "malformedFrame"
    OUTSIDE_BRACKET = "outsideBracket"
    DUPLICATE_FRAME = "duplicateFrame"
    LATE_FRAME = "lateFrame"
    DUPLICATE_CHUNK = "duplicateChunk"
    RESPONSE_OVER = "responseOver"
    AFTER_CLOSE = "afterClose"


class Ignored(Event, frozen=True, kw_only=True):
    """Something arrived and has no effect; the connection goes on.

    Attributes:
        reason: why.
        name: event or frame name, as far as it could be read.
        detail: what exactly is wrong, in words.
        requirement: id of the rule that says so, or "".
        data: what arrived: the text, or the bytes of the frame.
    """

    reason: Reason
    name: str = ""
    detail: str = ""
    requirement: str = ""
    data: str | bytes = ""


class AudioReceived(Event, frozen=True, kw_only=True):
    """One audio frame, in the order of its stream (LAC-FRAME-009).

    Attributes:
        payload: PCM (signed 16-bit little-endian, interleaved) or one Opus packet.
        sequence: 0-4095, wraps.
        timestamp: ms, 0-1048575, wraps.
        sample_rate: Hz.
        samples: samples per channel, as the header says.
        channels: 1 or 2.
        codec: ``pcm`` or ``opus``.
        key: first frame of a stream, or Opus resync point.
        frame: the frame itself, as generated from the layout table.
    """

    payload: bytes
    sequence: int
    timestamp: int
    sample_rate: int
    samples: int
    channels: int
    codec: str
    key: bool
    frame: Any

    @property
    def duration(self) -> float:
        """Seconds, as the header says."""
        return self.samples / self.sample_rate


class ImageReceived(Event, frozen=True, kw_only=True):
    """One image.

    Attributes:
        payload: the encoded image.
        format: ``jpg``, ``png``, ``webp``, ``gif`` or ``avif``.
        quality: 0-255.
        image_id: 0-65535.
        width: pixels.
        height: pixels.
        frame: the frame itself, as generated from the layout table.
    """

    payload: bytes
    format: str
    quality: int
    image_id: int
    width: int
    height: int
    frame: Any


class ErrorReceived(Event, frozen=True, kw_only=True):
    """The peer reports a failure; the connection stays (LAC-ERR-003).

    Attributes:
        code: open set (LAC-ERR-002).
        message: words.
        request_id: the turn it belongs to, if any.
    """

    code: str
    message: str
    request_id: str | None = None


class Closed(Event, frozen=True, kw_only=True):
    """The socket has ended; reported once for every socket (LAC-CLOSE-004).

    Attributes:
        code: close code; without one 1006 for an agent, None for a platform.
        reason: close reason.
        opened: whether the handshake had been done on this socket.
    """

    code: int | None
    reason: str
    opened: bool


class BracketKind(StrEnum):
    """What the audio frames of a bracket are."""

    RESPONSE = "response"
    PROMPT = "prompt"


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """Which speech the audio frames belong to.

    Attributes:
        kind: an answer, or an idle prompt.
        request_id: the turn; None for a prompt.
        response_id: the response; None for a prompt.
    """

    kind: BracketKind
    request_id: str | None = None
    response_id: str | None = None


# --- agent -------------------------------------------------------------------------------------


class SessionOpened(Event, frozen=True, kw_only=True):
    """The handshake is done: session.init arrived, session.ready went out (LAC-HS-003).

    Attributes:
        session_id: the platform's session id.
        user_id: the platform's user id.
        reconnected: whether an earlier socket of this session had been open.
        repeated: whether this socket had been open before: the platform said it again.
    """

    session_id: str
    user_id: str
    reconnected: bool = False
    repeated: bool = False


class HandshakeFailed(Event, frozen=True, kw_only=True):
    """The handshake cannot succeed any more; the session wants the socket closed.

    Attributes:
        code: stable error code.
        message: words.
        requirement: the rule that was broken.
    """

    code: str
    message: str
    requirement: str


class SceneReady(Event, frozen=True, kw_only=True):
    """The user's frontend has joined and the scene is rendered; needs no answer (LAC-HS-008)."""


class StateChanged(Event, frozen=True, kw_only=True):
    """The platform's conversation state; informative (LAC-STATE-005).

    Attributes:
        state: name of the state; may be one that this revision does not list (LAC-STATE-004).
        known: whether this revision lists it.
        seq: counter within the session; None if missing (LAC-STATE-006).
        timestamp: epoch ms; None if missing.
    """

    state: str
    known: bool
    seq: int | None = None
    timestamp: int | None = None


class TextReceived(Event, frozen=True, kw_only=True):
    """User text: typed, or recognised by the platform.

    Attributes:
        request_id: the turn; every response to it carries this id (LAC-INPUT-002).
        text: what the user said.
    """

    request_id: str
    text: str


class InterruptReceived(Event, frozen=True, kw_only=True):
    """The platform stops the response (LAC-INT-007).

    Attributes:
        request_id: the turn to stop; None for whatever is playing.
    """

    request_id: str | None = None


class IdleTriggered(Event, frozen=True, kw_only=True):
    """The user has been inactive for long; a prompt may follow (LAC-SYS-002).

    Attributes:
        reason: open set, such as ``user_idle``.
        idle_time_ms: how long, in ms.
    """

    reason: str
    idle_time_ms: int


class SessionClosing(Event, frozen=True, kw_only=True):
    """The platform will close soon.

    Attributes:
        reason: open set, such as ``timeout``; None if not given.
    """

    reason: str | None = None


class Cause(StrEnum):
    """Why responses ended without their owner's doing."""

    INPUT = "input"
    INTERRUPT = "interrupt"


class ResponsesAbandoned(Event, frozen=True, kw_only=True):
    """Responses in progress were cancelled, because the conversation moved on.

    The cancels are among `data_to_send`; nothing more may be sent for these responses.

    Attributes:
        response_ids: which ones.
        cause: new input (LAC-INPUT-004) or a received interrupt (LAC-INT-007).
    """

    response_ids: tuple[str, ...]
    cause: Cause


class ResponsesLost(Event, frozen=True, kw_only=True):
    """Responses and brackets in progress ended with their socket (LAC-RECON-006).

    Attributes:
        response_ids: unfinished responses.
        bracket: whether an audio bracket was open.
    """

    response_ids: tuple[str, ...]
    bracket: bool


class ReconnectScheduled(Event, frozen=True, kw_only=True):
    """The session will dial again.

    Attributes:
        attempt: number of the coming attempt since the last open socket, from 1.
        delay: seconds until then.
    """

    attempt: int
    delay: float


class ReconnectDue(Event, frozen=True, kw_only=True):
    """Dial ``upgrade_request()`` now.

    Attributes:
        attempt: number of this attempt since the last open socket, from 1.
    """

    attempt: int
