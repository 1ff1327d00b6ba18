"""What a server's session on the WebSocket tells its owner. Each event is frozen and names a fact.

`protocol_core.aiavatar.events` holds what both ends tell: `Ignored` and `Closed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol_core.aiavatar.events import Event

if TYPE_CHECKING:
    from protocol_core.aiavatar.codec import Request

__all__ = [
    "Left",
    "Malformed",
    "Refused",
    "SessionStarted",
    "ThresholdSet",
    "TurnAsked",
    "UtteranceHeard",
]


class SessionStarted(Event, frozen=True, kw_only=True):
    """The client opened the session; connected is queued (AIA-WS-003).

    Attributes:
        session_id: as the client chose it.
        user_id: the person.
        context_id: the conversation that it goes on with.
        metadata: kept with the session.
        repeated: whether this socket had a session before.
    """

    session_id: str
    user_id: str | None
    context_id: str | None
    metadata: dict[str, Any] | None
    repeated: bool


class TurnAsked(Event, frozen=True, kw_only=True):
    """The client asks for a turn (AIA-WS-005).

    Attributes:
        request: what it sent.
    """

    request: Request


class UtteranceHeard(Event, frozen=True, kw_only=True):
    """The person said something and fell silent (AIA-VAD-001).

    Attributes:
        audio: PCM of the utterance, with the silence that ended it.
    """

    audio: bytes


class ThresholdSet(Event, frozen=True, kw_only=True):
    """This session listens with another threshold from now on (AIA-WS-013).

    Attributes:
        volume_db_threshold: dB above which a frame holds voice.
    """

    volume_db_threshold: float


class Left(Event, frozen=True, kw_only=True):
    """The client said stop; the close is due (AIA-WS-008)."""


class Refused(Event, frozen=True, kw_only=True):
    """The session is refused; its final is queued and the close due (AIA-WS-004, OP-4).

    Attributes:
        error: name in the error catalogue.
    """

    error: str


class Malformed(Event, frozen=True, kw_only=True):
    """A message that is none; the close is due (AIA-ERR-005).

    Attributes:
        error: name in the error catalogue.
        detail: what is wrong with it.
    """

    error: str
    detail: str
