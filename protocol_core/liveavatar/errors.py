"""What can go wrong with a Live Avatar session, as exceptions with stable codes.

PlatformError
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

from protocol_core.errors import LocalProtocolError, PlatformError
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


class LiveAvatarError(PlatformError):
    """A session that could not be started, opened or stopped.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        message: the platform's words if it gave any, else ours.
        phase: when, a member of ``Phase``.
        retry: whether trying again without any change can help (LAC-AUTH-010).
        kind: ``protocol``, ``transport`` or ``timeout``.
        http_status: HTTP status, where there was one.
        server_code: the platform's own number, where it gave one.
        raw_body: the HTTP body as text; "" where there was none.
        close_code: close code of the socket, where one ended it.
        close_reason: its reason.
        requirement: id of the rule behind it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        phase: str,
        retry: bool = False,
        kind: str = "protocol",
        http_status: int | None = None,
        server_code: int | None = None,
        raw_body: str = "",
        close_code: int | None = None,
        close_reason: str = "",
        requirement: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.phase = phase
        self.retry = retry
        self.kind = kind
        self.http_status = http_status
        self.server_code = server_code
        self.raw_body = raw_body
        self.close_code = close_code
        self.close_reason = close_reason
        self.requirement = requirement

    def __str__(self) -> str:
        details = {
            "HTTP": self.http_status,
            "number": self.server_code,
            "close": self.close_code,
        }
        known = "".join(f", {name} {value}" for name, value in details.items() if value is not None)
        return f"{self.message} ({self.code} in {self.phase}{known})"


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


class SendRefused(LocalProtocolError):  # noqa: N818 - it names what happened, as its sisters do
    """This may not be sent now, or cannot be put on the wire. Nothing was sent.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
    """

    def __init__(
        self, problem: str, *, code: str, requirement: str, value: object = None, hint: str = ""
    ) -> None:
        super().__init__(
            problem, protocol=PROTOCOL, requirement=requirement, value=value, hint=hint
        )
        self.code = code


def refuse(
    problem: str,
    requirement: str,
    *,
    code: str = "INVALID_ARGUMENT",
    value: object = None,
    hint: str = "",
) -> NoReturn:
    """Raise `SendRefused`."""
    raise SendRefused(problem, code=code, requirement=requirement, value=value, hint=hint)


def classify(revision: Revision, number: int | str, *, phase: str) -> str:
    """The stable code of a number in the envelope (LAC-AUTH-008).

    Raises:
        LookupError: the revision's table does not cover the phase.
    """
    for rule in revision.errors.CLASSIFICATION:
        if (not rule.phases or phase in rule.phases) and (
            not rule.codes or str(number) in rule.codes
        ):
            return str(rule.code)
    raise LookupError(f"no row of the classification covers {number!r} in {phase}")
