"""What can go wrong with AIAvatarKit, as exceptions with stable codes.

SessionError
└── AIAvatarError
    ├── AuthenticationError   the API key is missing or wrong
    ├── RequestError          HTTP: the server does not accept the request
    │   ├── SessionIdRequired it had no session_id
    │   └── NotFoundError     there is no such endpoint
    ├── ServerError           HTTP: recognition or synthesis failed behind the server
    ├── TransportError        HTTP: no answer, or the connection broke before the first event
    │   └── StreamBroken      the event stream ended without a terminal event
    ├── ResponseTimeout       HTTP: nothing came for longer than the client waits
    ├── InvalidResponseError  what came is no event or body of this protocol
    ├── ConnectError          the WebSocket could not be opened
    ├── HandshakeTimeout      connected did not come in time
    ├── SessionRefused        a final with metadata.error refused the session
    ├── TurnError             the turn failed in the server; the session stays in use
    └── ConnectionLost        the socket ended abnormally; the context lives on
LocalProtocolError
└── SendRefused               this may not be sent now, or cannot be; nothing was sent

``code`` is a member of the generated ``ErrorCode``; its meaning and whether a retry can help stand
in the specification, and so does the table by which `classify` finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Unpack

from protocol_core.aiavatar.revision import PROTOCOL
from protocol_core.classification import matches
from protocol_core.errors import FailureFields, SendRefused, SessionError

if TYPE_CHECKING:
    from avatar_protocols.tables import Rule
    from protocol_core.aiavatar.revision import Revision

__all__ = [
    "CLASSES",
    "AIAvatarError",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLost",
    "HandshakeTimeout",
    "InvalidResponseError",
    "NotFoundError",
    "RequestError",
    "ResponseTimeout",
    "SendRefused",
    "ServerError",
    "SessionIdRequired",
    "SessionRefused",
    "StreamBroken",
    "TransportError",
    "TurnError",
    "classify",
    "make_error",
    "refuse",
]


class AIAvatarError(SessionError):
    """A turn, a call or a session that failed; ``raw_body`` may be an event, too.

    Attributes:
        detail: the server's words alone; "" where it gave none.
    """

    def __init__(self, message: str, *, detail: str = "", **fields: Unpack[FailureFields]) -> None:
        super().__init__(message, **fields)
        self.detail = detail


class AuthenticationError(AIAvatarError):
    """The API key is missing or wrong; trying again with the same key cannot help."""


class RequestError(AIAvatarError):
    """The server does not understand the request, or does not accept it."""


class SessionIdRequired(RequestError):  # noqa: N818 - the name says what happened
    """The request had no session_id (AIA-REQ-002)."""


class NotFoundError(RequestError):
    """The server has no such endpoint."""


class ServerError(AIAvatarError):
    """A status from 500 to 599: recognition or synthesis failed outside of a stream."""


class TransportError(AIAvatarError):
    """There was no answer, or the connection broke before the first event."""


class StreamBroken(TransportError):  # noqa: N818 - the name says what happened
    """The event stream ended without a terminal event: the answer is cut (AIA-SSE-004)."""


class ResponseTimeout(AIAvatarError):  # noqa: N818 - the name says what happened
    """Nothing came for longer than the client waits."""


class InvalidResponseError(AIAvatarError):
    """What came is no event or body of this protocol, and the call cannot go on without it."""


class ConnectError(AIAvatarError):
    """The WebSocket could not be opened, for any reason but the key."""


class HandshakeTimeout(AIAvatarError):  # noqa: N818 - the name says what happened
    """connected did not come within the client's own limit; the protocol has none (OP-14)."""


class SessionRefused(AIAvatarError):  # noqa: N818 - the name says what happened
    """The server refused the session by a final with metadata.error (AIA-ERR-003)."""


class TurnError(AIAvatarError):
    """The turn failed in the server; the session stays in use (AIA-ERR-002)."""


class ConnectionLost(AIAvatarError):  # noqa: N818 - the name says what happened
    """The socket ended abnormally; a new one may go on with the same context (AIA-ERR-004)."""


#: The class of each code that an `AIAvatarError` can carry.
CLASSES: dict[str, type[AIAvatarError]] = {
    "AUTHENTICATION_FAILED": AuthenticationError,
    "SESSION_ID_REQUIRED": SessionIdRequired,
    "INVALID_REQUEST": RequestError,
    "NOT_FOUND": NotFoundError,
    "SERVER_ERROR": ServerError,
    "TRANSPORT_ERROR": TransportError,
    "STREAM_BROKEN": StreamBroken,
    "RESPONSE_TIMEOUT": ResponseTimeout,
    "INVALID_RESPONSE": InvalidResponseError,
    "CONNECT_FAILED": ConnectError,
    "HANDSHAKE_TIMEOUT": HandshakeTimeout,
    "SESSION_REFUSED": SessionRefused,
    "PIPELINE_ERROR": TurnError,
    "CONNECTION_LOST": ConnectionLost,
}
_KINDS = {
    "SERVER_ERROR": "transport",
    "TRANSPORT_ERROR": "transport",
    "STREAM_BROKEN": "transport",
    "CONNECT_FAILED": "transport",
    "CONNECTION_LOST": "transport",
    "RESPONSE_TIMEOUT": "timeout",
    "HANDSHAKE_TIMEOUT": "timeout",
}


def make_error(
    revision: Revision,
    message: str,
    *,
    code: str,
    phase: str,
    http_status: int | None = None,
    raw_body: str = "",
    detail: str = "",
    close_code: int | None = None,
    close_reason: str = "",
    requirement: str = "",
    timed_out: bool = False,
) -> AIAvatarError:
    """The exception of a code; whether a retry can help is the specification's word."""
    return CLASSES[code](
        message,
        code=code,
        phase=phase,
        retry=revision.errors.CODES[code].retry,
        kind="timeout" if timed_out else _KINDS.get(code, "protocol"),
        http_status=http_status,
        raw_body=raw_body,
        detail=detail,
        close_code=close_code,
        close_reason=close_reason,
        requirement=requirement,
    )


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


def classify(
    revision: Revision,
    *,
    phase: str,
    http: int | None = None,
    close: int | None = None,
    text: str = "",
) -> str | None:
    """The stable code of what was received: the first row of the table that matches.

    Args:
        revision: whose table.
        phase: a member of ``Phase``.
        http: status of an HTTP answer.
        close: close code of a socket; only rows that name close codes are looked at.
        text: metadata.error of an event, or error or detail of a body.

    Returns:
        None if no row covers it.
    """
    table: tuple[Rule, ...] = revision.errors.CLASSIFICATION
    for rule in table:
        if _speaks_of(rule, http, close) and matches(
            rule, phase=phase, code=close, text=text, http=http
        ):
            return rule.code
    return None


def _speaks_of(rule: Rule, http: int | None, close: int | None) -> bool:
    """Whether a row is about answers, closes or events, as what was received is."""
    about_http = bool(rule.http) or rule.http_range is not None
    return bool(rule.codes) == (close is not None) and about_http == (http is not None)
