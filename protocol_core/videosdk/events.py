"""What a session tells its owner. Each event is frozen and names a fact.

both ends   Ignored ParticipantJoined ParticipantLeft
agent       AckReceived CooledDown Detached
worker      see `protocol_core.videosdk.worker`

Nothing that arrives vanishes: what the rules tell an end to pass over arrives as `Ignored`, with
the reason and, where one applies, the rule.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from protocol_core.videosdk.errors import SendError

__all__ = [
    "AckReceived",
    "CooledDown",
    "Detached",
    "Event",
    "Ignored",
    "ParticipantJoined",
    "ParticipantLeft",
    "Reason",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


# --- both ends ---------------------------------------------------------------------------------


class Reason(StrEnum):
    """Why something that arrived has no effect."""

    WRONG_KIND = "wrongKind"
    EMPTY = "empty"
    NOT_UTF8 = "notUtf8"
    NOT_JSON = "notJson"
    NOT_AN_OBJECT = "notAnObject"
    UNKNOWN_TYPE = "unknownType"
    NOT_FOR_US = "notForUs"
    UNREADABLE = "unreadable"
    FOREIGN_SENDER = "foreignSender"
    NOT_ATTACHED = "notAttached"
    COOLDOWN = "cooldown"
    NO_AUDIO = "noAudio"


class Ignored(Event, frozen=True, kw_only=True):
    """Something arrived and has no effect; the channel goes on.

    Attributes:
        reason: why.
        detail: what exactly is wrong, in words.
        code: the code that a log line carries; "" where the documents pass over it in silence.
        requirement: id of the rule that says so, or "".
        sender: participant id of its sender.
        data: what arrived.
    """

    reason: Reason
    detail: str = ""
    code: str = ""
    requirement: str = ""
    sender: str = ""
    data: str | bytes = ""


class ParticipantJoined(Event, frozen=True, kw_only=True):
    """Somebody is in the room.

    Attributes:
        participant_id: who.
        counterpart: whether it is the avatar's own participant.
    """

    participant_id: str
    counterpart: bool


class ParticipantLeft(Event, frozen=True, kw_only=True):
    """Somebody is in the room no more; nothing on the channel says so (OP-6).

    Attributes:
        participant_id: who.
        counterpart: whether it is the avatar's own participant.
    """

    participant_id: str
    counterpart: bool


# --- the agent ---------------------------------------------------------------------------------


class AckReceived(Event, frozen=True, kw_only=True):
    """The worker ended a segment.

    Attributes:
        playback_position: seconds of the segment's audio that were handed to the worker's tracks;
            0.0 where the message names none (VSD-END-005).
        interrupted: whether an interrupt cut it; False where the message does not say.
        segment: number of the oldest unfinished segment, which it closes, from 1 (OP-5); None if
            there is none.
        sender: participant id of its sender.
    """

    playback_position: float
    interrupted: bool
    segment: int | None = None
    sender: str = ""


class CooledDown(Event, frozen=True, kw_only=True):
    """The worker takes audio again: the cooldown after our last interrupt is over (VSD-INT-009)."""


class Detached(Event, frozen=True, kw_only=True):
    """The channel is lost; what is said now is dropped until the agent attaches again.

    Attributes:
        error: what the transport said (VSD-ERR-005).
    """

    error: SendError
