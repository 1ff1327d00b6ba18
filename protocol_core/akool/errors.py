"""What can go wrong with an Akool session, as exceptions with stable codes.

SessionError
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

from typing import TYPE_CHECKING, Any, Unpack

from protocol_core import classification
from protocol_core.errors import FailureFields, SendRefused, SessionError

if TYPE_CHECKING:
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


class AkoolError(SessionError):
    """A failure of the platform, of the connection to it, or of what it was asked for.

    ``retry`` says whether the client itself may try again within one connect (AKO-RETRY-001);
    ``server_code`` is the number of the discovery body or the error frame.

    Attributes:
        server_text: the server's words.
        cause: the error behind this one, where one wraps another.
    """

    def __init__(
        self,
        message: str,
        *,
        server_text: str = "",
        cause: Exception | None = None,
        **fields: Unpack[FailureFields],
    ) -> None:
        super().__init__(message, **fields)
        self.server_text = server_text
        self.cause = cause


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
    table = revision.errors.CLASSIFICATION
    return classification.classify(table, phase=phase, code=number, http=http_status)
