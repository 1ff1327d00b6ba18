"""What can go wrong with an Akool session, as exceptions with stable codes.

PlatformError
└── AkoolError                  each code of the platform's failures has a class of its own
    ├── AuthenticationError     the key is missing, empty or refused, or the avatar id is empty
    ├── ServerUrlError          the given server URL has no host or an impossible port
    ├── DiscoveryError          discovery gave no usable answer
    │   └── NoServicesError     it did, but nobody in it can be used
    ├── ConnectError            the WebSocket could not be opened, in time or at all
    │   ├── OccupiedError       the instance has a client already
    │   └── TooSoonError        the instance wants a pause before the next connection
    ├── RetryError              no attempt succeeded; `cause` is the last one's error
    ├── AudioStreamError        setting the parameters or sending audio failed; `cause` says why
    ├── CommandError            a command was answered by a failure
    │   └── AckTimeoutError     it was not answered in time
    ├── ServerError             the server sent an error frame
    ├── InvalidMessageError     the server sent something that cannot be understood
    └── ConnectionLostError     the connection ended without a leave of ours
LocalProtocolError
└── SendRefused                 NOT_CONNECTED, NOT_READY, UNSUPPORTED: nothing was sent

``code`` is a member of the generated ``ErrorCode``, and which code a failure has is decided by the
generated classification table: `classify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol_core.akool.revision import PROTOCOL
from protocol_core.errors import LocalProtocolError, PlatformError

if TYPE_CHECKING:
    from avatar_protocols.tables import Rule
    from protocol_core.akool.revision import Revision

__all__ = [
    "CLASSES",
    "AckTimeoutError",
    "AkoolError",
    "AudioStreamError",
    "AuthenticationError",
    "CommandError",
    "ConnectError",
    "ConnectionLostError",
    "DiscoveryError",
    "InvalidMessageError",
    "NoServicesError",
    "OccupiedError",
    "RetryError",
    "SendRefused",
    "ServerError",
    "ServerUrlError",
    "TooSoonError",
    "classify",
    "failure",
]


class AkoolError(PlatformError):
    """A failure of the platform, of the connection to it, or of what it was asked for.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        message: what happened, in words; the server's own where it gave any.
        phase: when, a member of ``Phase``.
        retry: whether the client itself may try again within one connect (AKO-RETRY-001).
        kind: ``protocol``, ``transport``, ``timeout`` or ``local``.
        http_status: HTTP status, where there was one.
        server_code: number of the discovery body or the error frame.
        server_text: the server's words.
        raw_body: the HTTP body as text; "" where there was none.
        close_code: close code of the socket, where one ended it.
        close_reason: its reason.
        requirement: id of the rule behind it.
        cause: the error behind this one, where one wraps another.
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
        server_text: str = "",
        raw_body: str = "",
        close_code: int | None = None,
        close_reason: str = "",
        requirement: str = "",
        cause: Exception | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.phase = phase
        self.retry = retry
        self.kind = kind
        self.http_status = http_status
        self.server_code = server_code
        self.server_text = server_text
        self.raw_body = raw_body
        self.close_code = close_code
        self.close_reason = close_reason
        self.requirement = requirement
        self.cause = cause

    def __str__(self) -> str:
        details = {
            "HTTP": self.http_status,
            "number": self.server_code,
            "close": self.close_code,
        }
        known = "".join(f", {name} {value}" for name, value in details.items() if value is not None)
        return f"{self.message} ({self.code} in {self.phase}{known})"


class AuthenticationError(AkoolError):
    """The key is missing, empty or refused, or the avatar id is empty; never tried again."""


class ServerUrlError(AkoolError):
    """The given server URL has no host or an impossible port (AKO-ERR-009)."""


class DiscoveryError(AkoolError):
    """Discovery gave no usable answer (AKO-ERR-005)."""


class NoServicesError(DiscoveryError):
    """Discovery worked but left no usable candidate (AKO-DISC-014)."""


class ConnectError(AkoolError):
    """The WebSocket could not be opened, in time or at all."""


class OccupiedError(ConnectError):
    """The instance has a client already; another may be free (AKO-CONN-008)."""


class TooSoonError(ConnectError):
    """The instance wants a pause before the next connection (AKO-CONN-009)."""


class RetryError(AkoolError):
    """No attempt succeeded (AKO-RETRY-002); ``cause`` is the error of the last one."""


class AudioStreamError(AkoolError):
    """Setting the parameters or sending audio failed (AKO-ERR-008); ``cause`` says why."""


class CommandError(AkoolError):
    """A command was answered by an ack with another status, or by an error frame (OP-7)."""


class AckTimeoutError(CommandError):
    """A command was not acknowledged in time (AKO-INT-005)."""


class ServerError(AkoolError):
    """The server sent an error frame (AKO-ERR-002); the connection stays."""


class InvalidMessageError(AkoolError):
    """The server sent something that is no message (AKO-ERR-007); the connection stays."""


class ConnectionLostError(AkoolError):
    """The connection ended without a leave of ours (AKO-CONN-016)."""


#: Stable code -> class.
CLASSES: dict[str, type[AkoolError]] = {
    "AUTHENTICATION_FAILED": AuthenticationError,
    "CONFIGURATION_INVALID": ServerUrlError,
    "DISCOVERY_FAILED": DiscoveryError,
    "NO_SERVICES": NoServicesError,
    "CONNECTION_FAILED": ConnectError,
    "INSTANCE_OCCUPIED": OccupiedError,
    "RECONNECT_TOO_SOON": TooSoonError,
    "RETRIES_EXHAUSTED": RetryError,
    "AUDIO_STREAM_FAILED": AudioStreamError,
    "COMMAND_FAILED": CommandError,
    "ACK_TIMEOUT": AckTimeoutError,
    "SERVER_ERROR": ServerError,
    "INVALID_MESSAGE": InvalidMessageError,
    "CONNECTION_LOST": ConnectionLostError,
}


class SendRefused(LocalProtocolError):  # noqa: N818 - it names what happened, as its sisters do
    """This may not be sent now, or the dialect cannot say it. Nothing was sent.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        phase: what was to be done, a member of ``Phase``.
    """

    def __init__(
        self,
        problem: str,
        *,
        code: str,
        phase: str,
        requirement: str,
        value: object = None,
        hint: str = "",
    ) -> None:
        super().__init__(
            problem, protocol=PROTOCOL, requirement=requirement, value=value, hint=hint
        )
        self.code = code
        self.phase = phase


def failure(
    revision: Revision,
    message: str,
    *,
    phase: str,
    code: str = "",
    **facts: Any,
) -> AkoolError:
    """The error of a failure.

    Args:
        revision: whose tables decide.
        message: what happened, in words.
        phase: when.
        code: the stable code; "" for what the classification makes of the facts.
        facts: attributes of `AkoolError`.
    """
    if not code:
        number = facts.get("server_code")
        code = classify(
            revision,
            phase,
            number=facts.get("close_code") if number is None else number,
            http_status=facts.get("http_status"),
        )
    retry = revision.errors.CODES[code].retry
    return CLASSES[code](message, code=code, phase=phase, retry=retry, **facts)


def classify(
    revision: Revision,
    phase: str,
    *,
    number: int | None = None,
    http_status: int | None = None,
) -> str:
    """The stable code of a failure that the server caused; the first row that matches decides.

    Args:
        revision: whose table.
        phase: when.
        number: of the discovery body, the error frame or the close.
        http_status: of discovery or the upgrade.

    Raises:
        LookupError: the table does not cover the phase.
    """
    for rule in revision.errors.CLASSIFICATION:
        if _fits(rule, phase, number, http_status):
            return str(revision.errors.ErrorCode(rule.code))
    raise LookupError(f"no row of the classification covers {number!r} in {phase}")


def _fits(rule: Rule, phase: str, number: int | None, http_status: int | None) -> bool:
    return (
        (not rule.phases or phase in rule.phases)
        and (not rule.codes or str(number) in rule.codes)
        and (not rule.http or http_status in rule.http)
    )
