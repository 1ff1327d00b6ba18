"""What can go wrong with a Live Avatar session, as exceptions with stable codes.

SessionError
└── LiveAvatarError          the session could not be started, opened or stopped
    ├── TransportError       REST: a status outside of 2xx, or no answer (LAC-AUTH-007)
    ├── StartError           REST: the envelope's code is not 0 (LAC-AUTH-008)
    ├── InvalidResponseError REST: not the envelope, or data without a required member
    ├── ConnectError         the WebSocket upgrade failed (LAC-RECON-004)
    ├── HandshakeError       no session.init that fits, in time, before the socket's end
    └── ConnectionEndedError the socket ended while something was being sent
LocalProtocolError
└── SendRefused              this may not be sent now, or cannot be; nothing was sent

``code`` is a member of the generated ``ErrorCode``; its meaning and whether a retry can help stand
in the specification.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from protocol_core import classification
from protocol_core.errors import SendRefused, SessionError
from protocol_core.liveavatar.revision import PROTOCOL

if TYPE_CHECKING:
    from protocol_core.liveavatar.revision import Revision

__all__ = [
    "ConnectError",
    "ConnectionEndedError",
    "HandshakeError",
    "InvalidResponseError",
    "LiveAvatarError",
    "SendRefused",
    "StartError",
    "TransportError",
    "classify",
    "refuse",
]


class LiveAvatarError(SessionError):
    """A session that could not be started, opened or stopped.

    ``retry`` says what LAC-AUTH-010 says of the code; ``server_code`` is the envelope's.
    """


class TransportError(LiveAvatarError):
    """A REST call got a status outside of 2xx, or no answer; the body is not interpreted."""


class StartError(LiveAvatarError):
    """The platform refused the call: its envelope carries a code other than 0."""


class InvalidResponseError(LiveAvatarError):
    """A 2xx answer that is not the envelope, or whose data lacks what it must have."""


class ConnectError(LiveAvatarError):
    """The WebSocket could not be opened."""


class HandshakeError(LiveAvatarError):
    """The WebSocket opened but the session did not."""


class ConnectionEndedError(LiveAvatarError):
    """The socket ended while something was being sent; it may or may not have arrived."""


def refuse(
    problem: str,
    requirement: str,
    *,
    code: str = "INVALID_ARGUMENT",
    value: object = None,
    hint: str = "",
) -> NoReturn:
    """Raise `SendRefused`."""
    raise SendRefused(
        problem, protocol=PROTOCOL, code=code, requirement=requirement, value=value, hint=hint
    )


def classify(revision: Revision, number: int | str, *, phase: str) -> str:
    """The stable code of a number in the envelope (LAC-AUTH-008).

    Raises:
        LookupError: the revision's table does not cover the phase.
    """
    return classification.classify(revision.errors.CLASSIFICATION, phase=phase, code=number)
