"""What a client's session tells its owner. Each event is frozen and names a fact.

socket alone   Connected PlaybackStopped SessionFailed Closed
a turn         TurnStarted ChunkReceived ToolCalled VisionRequested TurnFinished TurnFailed
               TurnSuperseded NothingHeard
any            Ignored

What arrived on the wire stands in each event as `Response`. Nothing the server sends vanishes:
what the rules tell a client to ignore arrives as `Ignored`, with the reason and the rule. What a
server's session tells stands in `protocol_core.aiavatar.server_events`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

__all__ = [
    "AvatarControl",
    "ChunkReceived",
    "Closed",
    "Connected",
    "Event",
    "Ignored",
    "NothingHeard",
    "PcmFormat",
    "PlaybackStopped",
    "Reason",
    "Response",
    "SessionFailed",
    "ToolCalled",
    "TurnFailed",
    "TurnFinished",
    "TurnStarted",
    "TurnSuperseded",
    "VisionRequested",
]


class AvatarControl(msgspec.Struct, frozen=True, kw_only=True):
    """What the avatar shows while a chunk is spoken.

    Attributes:
        animation_name: an open set; None for no change.
        animation_duration: seconds.
        face_name: an open set; None for no change.
        face_duration: seconds.
    """

    animation_name: str | None = None
    animation_duration: float | None = None
    face_name: str | None = None
    face_duration: float | None = None


class PcmFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Form of PCM audio.

    Attributes:
        sample_rate: Hz.
        channels: number of channels, interleaved.
        sample_width: bytes of a sample.
    """

    sample_rate: int
    channels: int
    sample_width: int


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it arrived; what was null, missing or of a wrong type is None.

    Attributes:
        type: what it is.
        session_id: the session.
        user_id: the person.
        context_id: the conversation.
        text: what the model wrote, control tags included.
        voice_text: what is spoken.
        language: language of the speech.
        control: what the avatar shows.
        audio: a whole WAV file, or PCM where `pcm_format` is set; empty for none.
        pcm_format: form of the PCM, on a descriptor and on its PCM chunks (AIA-AUDIO-004).
        metadata: whatever the type has there; empty where there was no object.
        raw: the JSON text.
    """

    type: str
    session_id: str | None = None
    user_id: str | None = None
    context_id: str | None = None
    text: str | None = None
    voice_text: str | None = None
    language: str | None = None
    control: AvatarControl | None = None
    audio: bytes = b""
    pcm_format: PcmFormat | None = None
    metadata: dict[str, Any] = {}
    raw: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


class Reason(StrEnum):
    """Why something that arrived has no effect."""

    NOT_JSON = "notJson"
    NOT_AN_OBJECT = "notAnObject"
    NO_TYPE = "noType"
    UNKNOWN_TYPE = "unknownType"
    BINARY_MESSAGE = "binaryMessage"
    OUT_OF_TURN = "outOfTurn"
    AFTER_STOP = "afterStop"
    BEFORE_CONNECTED = "beforeConnected"
    WRONG_CHANNEL = "wrongChannel"
    UNKNOWN_KEY = "unknownKey"


class Ignored(Event, frozen=True, kw_only=True):
    """Something arrived and has no effect; the session goes on.

    Attributes:
        reason: why.
        name: type of the event, or the name of a face or animation.
        detail: what exactly, in words.
        requirement: id of the rule that says so, or "".
        data: what arrived, as text.
    """

    reason: Reason
    name: str = ""
    detail: str = ""
    requirement: str = ""
    data: str = ""


class Connected(Event, frozen=True, kw_only=True):
    """The session is open (AIA-WS-003); again after every further start.

    Attributes:
        response: what arrived.
    """

    response: Response


class PlaybackStopped(Event, frozen=True, kw_only=True):
    """Drop what is queued and stop playback (AIA-INT-002).

    Attributes:
        response: what arrived.
    """

    response: Response


class SessionFailed(Event, frozen=True, kw_only=True):
    """The session cannot be used any more; the socket is, or is about to be, closed.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        phase: when, a member of ``Phase``.
        message: the server's words if it gave any, else ours.
        detail: the server's words alone.
        requirement: the rule behind it.
        response: what arrived; None if nothing did.
    """

    code: str
    phase: str
    message: str
    detail: str = ""
    requirement: str = ""
    response: Response | None = None


class Closed(Event, frozen=True, kw_only=True):
    """The socket has ended; reported once for every socket.

    Attributes:
        code: close code; without one 1006.
        reason: close reason.
        opened: whether connected had come on this socket.
        lost: whether it ended by itself, abnormally: the context lives on (AIA-ERR-004).
    """

    code: int
    reason: str
    opened: bool
    lost: bool


class TurnStarted(Event, frozen=True, kw_only=True):
    """The server understood the request, and an answer follows.

    Attributes:
        context_id: the conversation, adopted for the next turn (AIA-CTX-003); None if not told.
        request_text: the transcript, or the text that was sent; None where the wakeword was not
            heard (AIA-RESP-004).
        response: what arrived.
    """

    context_id: str | None
    request_text: str | None
    response: Response


class ChunkReceived(Event, frozen=True, kw_only=True):
    """A part of the answer: text, controls and a whole WAV file, a PCM descriptor, or PCM.

    Attributes:
        response: what arrived.
        first: whether the server marked it as the first of its turn; None if it did not say.
    """

    response: Response
    first: bool | None


class ToolCalled(Event, frozen=True, kw_only=True):
    """A tool of the server started, progressed or finished; never answered (AIA-TOOL-003).

    Attributes:
        call_id: the same on all events of a call; None if the server gave none.
        name: the tool.
        arguments: a JSON object, as text.
        data: what the tool returned so far; None where it returned nothing yet.
        is_final: whether that is its outcome; the first event of an id is its start all the same
            (OP-15).
        started: whether this is the first event of its id.
        response: what arrived.
    """

    call_id: str | None
    name: str
    arguments: str
    data: dict[str, Any] | None
    is_final: bool
    started: bool
    response: Response


class VisionRequested(Event, frozen=True, kw_only=True):
    """The answer is complete and asks for a picture (AIA-VISION-001).

    Attributes:
        source: where it shall come from; any word.
        response: what arrived.
    """

    source: str
    response: Response


class TurnFinished(Event, frozen=True, kw_only=True):
    """The answer is complete.

    Attributes:
        text: the whole answer, control tags included.
        voice_text: what is spoken of it.
        response: what arrived.
    """

    text: str
    voice_text: str
    response: Response


class TurnFailed(Event, frozen=True, kw_only=True):
    """The turn failed in the server; the session stays in use (AIA-ERR-001).

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        phase: ``stream`` or ``runtime``.
        message: the server's words, or the default ones.
        detail: the server's words alone; "" where it gave none.
        response: what arrived (AIA-ERR-002).
    """

    code: str
    phase: str
    message: str
    detail: str
    response: Response


class TurnSuperseded(Event, frozen=True, kw_only=True):
    """An older turn of the session has ended with part of its answer (AIA-INT-005); no error.

    Attributes:
        text: what the older answer held.
        response: what arrived; None where a newer turn of our own cut it off.
    """

    text: str
    response: Response | None


class NothingHeard(Event, frozen=True, kw_only=True):
    """The stream was empty: nothing was recognised in the audio (AIA-SSE-004)."""
