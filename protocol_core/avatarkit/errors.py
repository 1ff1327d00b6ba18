"""AvatarKit's error record, its classification, and its words.

AvatarKitError             any documented failure, with a stable code and a phase (section 14.1)
└── SessionTokenError      of the token call

Argument and state mistakes are not among them: they are `ConfigurationError` and
`LocalProtocolError`, raised before anything is sent.

Which code a failure gets is data: `classify` runs the generated table of section 14.3, in order,
over what the server said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.avatarkit.v0_1_7.constants import Text
from avatar_protocols.avatarkit.v0_1_7.errors import CLASSIFICATION, ErrorCode, Phase
from protocol_core import classification
from protocol_core.errors import PlatformError

if TYPE_CHECKING:
    from avatar_protocols.avatarkit.v2 import message_pb2 as pb
    from protocol_core.avatarkit.bodies import ErrorDetails

__all__ = [
    "AvatarKitError",
    "ErrorCode",
    "Phase",
    "SessionTokenError",
    "classify",
    "closed_error",
    "rejection",
    "server_error",
]


class AvatarKitError(PlatformError):
    """A failure of the platform, or of the way to it (AVK-ERR-001).

    Attributes:
        code: which failure, one of the 19 documented codes (AVK-ERR-002).
        message: the failure in words.
        phase: when it happened.
        http_status: status of a refused token call or upgrade.
        server_code: the server's own code, as text.
        server_title: title in a refusal's body.
        server_detail: detail in a refusal's body, or the text of a ServerError.
        connection_id: as the server gave it.
        req_id: the request concerned.
        raw_body: body of a refused token call or upgrade, as text.
        close_code: WebSocket close code, for ``connectionClosed``.
        close_reason: WebSocket close reason, for ``connectionClosed``.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        phase: Phase,
        http_status: int | None = None,
        server_code: str | None = None,
        server_title: str | None = None,
        server_detail: str | None = None,
        connection_id: str | None = None,
        req_id: str | None = None,
        raw_body: str | None = None,
        close_code: int | None = None,
        close_reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.phase = phase
        self.http_status = http_status
        self.server_code = server_code
        self.server_title = server_title
        self.server_detail = server_detail
        self.connection_id = connection_id
        self.req_id = req_id
        self.raw_body = raw_body
        self.close_code = close_code
        self.close_reason = close_reason

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def record(self) -> dict[str, Any]:
        """All fields by name, enums as plain text; what is not known is None."""
        fields = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**fields, "code": str(self.code), "phase": str(self.phase)}


class SessionTokenError(AvatarKitError):
    """The token call failed."""


def classify(
    phase: Phase,
    *,
    server_code: str | None = None,
    title: str | None = None,
    detail: str | None = None,
    http_status: int | None = None,
) -> ErrorCode:
    """The code of what the server said: the first rule that matches (AVK-ERR-004, AVK-ERR-005)."""
    said = (value.strip() for value in (server_code, title, detail) if value is not None)
    text = " | ".join(value for value in said if value)
    return ErrorCode(
        classification.classify(
            CLASSIFICATION, phase=phase, code=server_code, text=text, http=http_status
        )
    )


def rejection(  # the same for the two HTTP calls, which differ in phase and type
    kind: type[AvatarKitError],
    headline: str,
    phase: Phase,
    details: ErrorDetails,
    *,
    http_status: int,
    raw_body: str,
) -> AvatarKitError:
    """The error of a refused token call or upgrade, classified."""
    words = " - ".join(part for part in (details.title, details.detail) if part) or details.code
    return kind(
        classify(
            phase,
            server_code=details.code,
            title=details.title,
            detail=details.detail,
            http_status=http_status,
        ),
        f"{headline} (HTTP {http_status})" + (f": {words}" if words else ""),
        phase=phase,
        http_status=http_status,
        server_code=details.code,
        server_title=details.title,
        server_detail=details.detail,
        raw_body=raw_body,
    )


def server_error(error: pb.ServerError, phase: Phase) -> AvatarKitError:
    """The error of a ServerError message, classified (AVK-ERR-006)."""
    headlines = {Phase.WEBSOCKET_HANDSHAKE: Text.HANDSHAKE_REJECTED}
    code = str(error.code)
    detail = error.message or None
    words = f"{detail} (server code {code})" if detail else f"server code {code}"
    return AvatarKitError(
        classify(phase, server_code=code, detail=detail),
        f"{headlines.get(phase, Text.SESSION_ERROR)}: {words}",
        phase=phase,
        server_code=code,
        server_detail=detail,
        connection_id=error.connection_id or None,
        req_id=error.req_id or None,
    )


def closed_error(
    phase: Phase, code: int | None, reason: str, *, req_id: str | None = None
) -> AvatarKitError:
    """The error of a socket that ended when it should not have (AVK-CLOSE-003)."""
    parts = ("" if code is None else f"code {code}", reason)
    words = ": ".join(part for part in parts if part)
    return AvatarKitError(
        ErrorCode.CONNECTION_CLOSED,
        Text.CLOSED + (f" ({words})" if words else ""),
        phase=phase,
        req_id=req_id,
        close_code=code,
        close_reason=reason,
    )
