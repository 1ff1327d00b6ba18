"""What an AvatarKit session tells its owner. Each event is frozen and names a fact.

client   SessionConfirmed HandshakeFailed AnimationReceived ErrorReported SessionClosed
         MessageIgnored
server   SessionConfigured AudioReceived AudioDiscarded InterruptReceived Malformed Refused
         IdleTimedOut DurationExceeded PeerClosed
"""

from __future__ import annotations

import msgspec

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit.errors import AvatarKitError

__all__ = [
    "AnimationReceived",
    "AudioDiscarded",
    "AudioReceived",
    "ClientEvent",
    "DurationExceeded",
    "ErrorReported",
    "HandshakeFailed",
    "IdleTimedOut",
    "InterruptReceived",
    "Malformed",
    "MessageIgnored",
    "PeerClosed",
    "Refused",
    "ServerEvent",
    "SessionClosed",
    "SessionConfigured",
    "SessionConfirmed",
]


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    pass


# -- client ----------------------------------------------------------------------------------------


class SessionConfirmed(_Event, frozen=True, kw_only=True):
    """The server accepted the configuration; audio may be sent (AVK-HS-004).

    Attributes:
        connection_id: the server's name for the connection.
    """

    connection_id: str


class HandshakeFailed(_Event, frozen=True, kw_only=True):
    """There will be no session; the socket closes and no close notification follows (AVK-HS-005).

    Attributes:
        error: what the start of the session has to raise.
    """

    error: AvatarKitError


class AnimationReceived(_Event, frozen=True, kw_only=True):
    """Animation for a request.

    Attributes:
        data: the whole WebSocket message as received, bit-exact (AVK-ANIM-003).
        end: whether it is the last one of the request.
        req_id: the request; may be empty if the server left the payload out (AVK-ANIM-005).
        connection_id: as the server gave it; may be empty.
    """

    data: bytes
    end: bool
    req_id: str
    connection_id: str


class ErrorReported(_Event, frozen=True, kw_only=True):
    """Something went wrong after the handshake; the connection may well live on (AVK-ERR-008).

    Attributes:
        error: the error record.
    """

    error: AvatarKitError


class SessionClosed(_Event, frozen=True, kw_only=True):
    """A session that had been confirmed has ended. Comes once, after its errors (AVK-CLOSE-004).

    Attributes:
        code: close code; None if the connection was lost without one.
        reason: close reason.
    """

    code: int | None
    reason: str


class MessageIgnored(_Event, frozen=True, kw_only=True):
    """A message that the rules tell a client to ignore (AVK-FRAME-007, AVK-FRAME-008).

    Attributes:
        reason: which kind of message.
        type: number of its type; None for a text message.
    """

    reason: str
    type: int | None


# -- server ----------------------------------------------------------------------------------------


class SessionConfigured(_Event, frozen=True, kw_only=True):
    """A configuration arrived and breaks no rule that the session knows.

    Answer with `ServerSession.confirm` or `ServerSession.send_error`.

    Attributes:
        config: the configuration message.
    """

    config: pb.ClientConfigureSession

    @property
    def direct(self) -> bool:
        """Whether output goes back over the WebSocket."""
        return self.config.egress_type == pb.EGRESS_TYPE_UNSPECIFIED


class AudioReceived(_Event, frozen=True, kw_only=True):
    """Audio of a request.

    Attributes:
        req_id: the request.
        audio: the next bytes of its stream; may be empty.
        first: whether the request begins with it.
        end: whether the request's audio ends with it.
    """

    req_id: str
    audio: bytes
    first: bool
    end: bool


class AudioDiscarded(_Event, frozen=True, kw_only=True):
    """Audio for a request that takes no more: it was interrupted (AVK-INT-006) or has ended.

    Attributes:
        req_id: the request.
        audio: the dropped bytes.
        reason: ``interrupted`` or ``ended``.
    """

    req_id: str
    audio: bytes
    reason: str


class InterruptReceived(_Event, frozen=True, kw_only=True):
    """The client wants a request stopped.

    Attributes:
        req_id: the request.
        effective: False for a repeat or an unknown request, which is ignored (AVK-INT-007).
    """

    req_id: str
    effective: bool


class Malformed(_Event, frozen=True, kw_only=True):
    """The client sent something illegal. The specified answer, if there is one, is queued.

    Attributes:
        reason: what was wrong, in words.
        requirement: the broken rule.
        error_name: catalogue name of the answer; "" if there is none.
        data: the message.
    """

    reason: str
    requirement: str
    error_name: str
    data: bytes | str


class Refused(_Event, frozen=True, kw_only=True):
    """The session refused the handshake by itself; the answer and the close are queued.

    Attributes:
        error_name: catalogue name of the answer.
        requirement: the rule that demands the refusal.
        reason: what was wrong, in words.
    """

    error_name: str
    requirement: str
    reason: str


class IdleTimedOut(_Event, frozen=True, kw_only=True):
    """No audio for too long; the announcement and the close are queued (AVK-IDLE-003).

    Attributes:
        limit: the time without audio, seconds.
    """

    limit: float


class DurationExceeded(_Event, frozen=True, kw_only=True):
    """The session has lasted too long; the announcement and the close are queued (AVK-IDLE-004).

    Attributes:
        limit: the longest duration, seconds.
    """

    limit: float


class PeerClosed(_Event, frozen=True, kw_only=True):
    """The socket has ended, whoever ended it (AVK-STATE-003).

    Attributes:
        code: close code; None if the connection was lost without one.
        reason: close reason.
    """

    code: int | None
    reason: str


ClientEvent = (
    SessionConfirmed
    | HandshakeFailed
    | AnimationReceived
    | ErrorReported
    | SessionClosed
    | MessageIgnored
)
ServerEvent = (
    SessionConfigured
    | AudioReceived
    | AudioDiscarded
    | InterruptReceived
    | Malformed
    | Refused
    | IdleTimedOut
    | DurationExceeded
    | PeerClosed
)
