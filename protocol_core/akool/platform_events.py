"""What a platform's session tells its owner. Each event is frozen and names a fact.

AuthReceived PingReceived ParametersReceived AudioReceived InterruptReceived LeaveReceived
FrameRefused SilenceExceeded ConnectionEnded

Nothing that a client sends vanishes: what has no effect arrives as `FrameRefused`, with the error
frame that answers it.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "AudioReceived",
    "AuthReceived",
    "ConnectionEnded",
    "FrameRefused",
    "InterruptReceived",
    "LeaveReceived",
    "Parameters",
    "ParametersReceived",
    "PingReceived",
    "PlatformEvent",
    "SilenceExceeded",
]


class PlatformEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events of a platform's session."""


class AuthReceived(PlatformEvent, frozen=True, kw_only=True):
    """The client says who it is (AKO-AUTH-010); `accept` or `refuse` is due.

    Attributes:
        token: the API key; a secret.
        avatar_id: the avatar that it wants.
    """

    token: str
    avatar_id: str


class PingReceived(PlatformEvent, frozen=True, kw_only=True):
    """A heartbeat; its pong is among what is to be sent (AKO-HB-002).

    Attributes:
        mid: its id; "" in the documented dialect.
    """

    mid: str


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the client has asked for. The documented dialect knows the channel only (OP-16).

    Attributes:
        channel_id: Agora channel to join.
        uid: Agora user, as it was sent (AKO-PARAM-005).
        token: Agora RTC token; a secret.
        app_id: Agora app; None for the platform's own.
        voice_id: voice; "" for none.
        language: language code; "" for the platform's own.
        background_url: picture or film behind the avatar; "" for none.
    """

    channel_id: str
    uid: str | int
    token: str
    app_id: str | None = None
    voice_id: str = ""
    language: str = ""
    background_url: str = ""


class ParametersReceived(PlatformEvent, frozen=True, kw_only=True):
    """Parameters are to be set: in v2 `acknowledge` and `joined` are due, else `joined` alone.

    Attributes:
        mid: id of the request; "" in the documented dialect.
        parameters: what was asked for.
        repeated: whether the session was ready before (OP-8).
    """

    mid: str
    parameters: Parameters
    repeated: bool = False


class AudioReceived(PlatformEvent, frozen=True, kw_only=True):
    """A chunk of speech (AKO-AUDIO-001). Nothing answers it (AKO-AUDIO-004).

    Attributes:
        mid: its id; "" in the documented dialect.
        audio: 16 kHz mono signed 16-bit little-endian PCM.
        seconds: how long it lasts.
    """

    mid: str
    audio: bytes
    seconds: float


class InterruptReceived(PlatformEvent, frozen=True, kw_only=True):
    """The avatar shall stop and drop what it has not said (OP-9); `acknowledge` is due.

    Attributes:
        mid: id of the request.
    """

    mid: str


class LeaveReceived(PlatformEvent, frozen=True, kw_only=True):
    """The client is about to close; `acknowledge` is due, then the channel is to be left.

    Attributes:
        mid: id of the request.
        reason: any text (OP-6).
    """

    mid: str
    reason: str


class FrameRefused(PlatformEvent, frozen=True, kw_only=True):
    """A frame has no effect; the connection stays (OP-5, OP-6, OP-8).

    Attributes:
        error_name: row of the catalogue that answers it; "" if nothing does.
        reason: what is wrong, in words.
        name: what the frame is, as far as it could be read, such as ``command/interrupt``.
        requirement: id of the rule behind it, or "".
        data: what arrived.
    """

    error_name: str
    reason: str
    name: str = ""
    requirement: str = ""
    data: bytes | str = ""


class SilenceExceeded(PlatformEvent, frozen=True, kw_only=True):
    """No frame of the client for too long: the connection is to be closed (AKO-HB-005).

    Attributes:
        limit: how long that is, seconds.
    """

    limit: float


class ConnectionEnded(PlatformEvent, frozen=True, kw_only=True):
    """The socket has ended; the client has left, announced or not (AKO-LEAVE-006).

    Attributes:
        code: close code; None if there was none.
        reason: its reason.
        announced: whether the leave event came before.
    """

    code: int | None
    reason: str
    announced: bool
