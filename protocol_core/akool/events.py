"""What a client's session tells its owner. Each event is frozen and names a fact.

connection  Connected AttemptFailed GivenUp DialDue Closed
frames      MessageReceived ErrorRaised AgoraConnected Ignored
commands    RequestDone RequestFailed

The platform's own events stand in `protocol_core.akool.platform_events`. Nothing that the server
sends vanishes: every JSON frame arrives as `MessageReceived` (AKO-CONN-010), and what has
no effect as `Ignored`, too, with the reason.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from protocol_core.akool.errors import AkoolError

__all__ = [
    "AgoraConnected",
    "AttemptFailed",
    "Closed",
    "Connected",
    "DialDue",
    "ErrorRaised",
    "Event",
    "GivenUp",
    "Ignored",
    "MessageReceived",
    "Reason",
    "Request",
    "RequestDone",
    "RequestFailed",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""


# --- the connection ----------------------------------------------------------------------------


class Connected(Event, frozen=True, kw_only=True):
    """websocket_connected has come: the session is open (AKO-CONN-006).

    Attributes:
        session_id: the session's id.
        reconnected: whether an earlier connection of this session had been open.
    """

    session_id: str
    reconnected: bool = False


class AttemptFailed(Event, frozen=True, kw_only=True):
    """An attempt to connect has failed; there will be another one.

    Attributes:
        attempt: number of the failed attempt, from 1; 0 where a session was lost.
        error: why.
        delay: seconds until the next attempt.
    """

    attempt: int
    error: AkoolError
    delay: float


class GivenUp(Event, frozen=True, kw_only=True):
    """An attempt to connect has failed, and it was the last one.

    Attributes:
        error: why there is no other (AKO-RETRY-002), or what makes another useless.
    """

    error: AkoolError


class DialDue(Event, frozen=True, kw_only=True):
    """Dial ``upgrade_request()`` now."""


class Closed(Event, frozen=True, kw_only=True):
    """The socket has ended; reported once for every socket that had opened.

    Attributes:
        code: close code; 1006 where the connection was lost without a close frame.
        reason: close reason.
        opened: whether the session was open on it.
        error: what the end means; None if we left. An `ErrorRaised` has told it, where the
            session was open.
    """

    code: int
    reason: str
    opened: bool
    error: AkoolError | None = None


# --- frames ------------------------------------------------------------------------------------


class MessageReceived(Event, frozen=True, kw_only=True):
    """A frame of the server, known or not (AKO-CONN-010).

    Attributes:
        name: such as ``system/agora_connected``; "" where it has none.
        message: the JSON value as it came.
    """

    name: str
    message: Any


class ErrorRaised(Event, frozen=True, kw_only=True):
    """Something for the application's error callback: each failure that no call reports.

    Attributes:
        error: what happened.
    """

    error: AkoolError


class AgoraConnected(Event, frozen=True, kw_only=True):
    """The server has joined the Agora channel; picture and voice come from there.

    Attributes:
        channel_id: the channel.
    """

    channel_id: str


class Reason(StrEnum):
    """Why a frame has no effect."""

    BINARY = "binary"
    NOT_JSON = "notJson"
    NOT_AN_OBJECT = "notAnObject"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    UNMATCHED_ACK = "unmatchedAck"
    OUT_OF_TURN = "outOfTurn"
    AFTER_CLOSE = "afterClose"


class Ignored(Event, frozen=True, kw_only=True):
    """A frame arrived and has no effect; the connection goes on.

    Attributes:
        reason: why.
        name: its name, as far as it could be read.
        detail: what exactly is wrong, in words.
        requirement: id of the rule that says so, or "".
        data: the frame, or its beginning.
    """

    reason: Reason
    name: str = ""
    detail: str = ""
    requirement: str = ""
    data: str | bytes = ""


# --- commands ----------------------------------------------------------------------------------


class Request(StrEnum):
    """What can be pending."""

    PARAMETERS = "parameters"
    INTERRUPT = "interrupt"
    LEAVE = "leave"  # nobody is told how it went: it ends with the connection


class RequestDone(Event, frozen=True, kw_only=True):
    """A request has succeeded; parameters when both halves are there (AKO-PARAM-009).

    Attributes:
        request: which kind.
        key: what its send method returned for it.
    """

    request: Request
    key: str


class RequestFailed(Event, frozen=True, kw_only=True):
    """A request has failed.

    Attributes:
        request: which kind.
        key: what its send method returned for it.
        error: why.
    """

    request: Request
    key: str
    error: AkoolError
