"""What can go wrong on the way to a room and in it, as exceptions with stable codes.

PlatformError
└── VideoSdkError            the avatar could not be started, or the channel failed
    ├── CredentialsError     no token can be signed, or none is known
    ├── RoomCreationError    the room service made no room, or named none
    ├── DispatchError        no room id; a status outside of 2xx; no answer (VSD-DISP-004)
    ├── JoinError            the room refused the token (OP-8)
    ├── SendError            the transport refused or lost a send (VSD-ERR-001)
    └── FeedError            a worker was used before it was started, or a sink raised
TokenRefused                 a token that a room or a dispatcher does not accept (VSD-AUTH-009)

``code`` is a member of the generated ``ErrorCode``; its meaning and whether a retry can help stand
in the specification. A `SendError` is never raised to the speaker: it arrives in `Detached`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from protocol_core.errors import PlatformError, UnderstudyError

if TYPE_CHECKING:
    from protocol_core.videosdk.revision import Revision

__all__ = [
    "CredentialsError",
    "DispatchError",
    "FeedError",
    "JoinError",
    "RoomCreationError",
    "SendError",
    "TokenFault",
    "TokenRefused",
    "VideoSdkError",
    "classify",
    "failure",
]


class VideoSdkError(PlatformError):
    """An avatar that could not be started, or a channel that failed.

    Attributes:
        code: stable code, a member of ``ErrorCode``.
        message: what happened, in words.
        phase: when, a member of ``Phase``.
        retry: whether trying again without any change can help.
        kind: ``protocol``, ``local`` (refused without I/O), ``transport`` or ``timeout``.
        http_status: HTTP status, where there was one.
        raw_body: the HTTP body as text; "" where there was none.
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
        raw_body: str = "",
        requirement: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.phase = phase
        self.retry = retry
        self.kind = kind
        self.http_status = http_status
        self.raw_body = raw_body
        self.requirement = requirement

    def __str__(self) -> str:
        status = "" if self.http_status is None else f", HTTP {self.http_status}"
        return f"{self.message} ({self.code} in {self.phase}{status})"


class CredentialsError(VideoSdkError):
    """No token can be signed, or none is known; nothing was sent."""


class RoomCreationError(VideoSdkError):
    """The room service made no room, or its answer names none."""


class DispatchError(VideoSdkError):
    """The worker was not started: the session does not start either (VSD-ERR-004)."""


class JoinError(VideoSdkError):
    """The room did not let us in."""


class SendError(VideoSdkError):
    """The transport refused or lost a payload."""


class FeedError(VideoSdkError):
    """A worker that was not started, or a sink that raised."""


class TokenFault(StrEnum):
    """Why a token is refused."""

    HEADER = "header"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    EXPIRED = "expired"
    PARTICIPANT = "participant"


class TokenRefused(UnderstudyError):  # noqa: N818 - it names what happened, as its sisters do
    """A token that is not accepted (OP-8, OP-10).

    Attributes:
        fault: why.
        detail: what exactly is wrong, in words; never the token itself.
    """

    def __init__(self, fault: TokenFault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        return f"token refused ({self.fault}): {self.detail}"


_BY_PHASE: dict[str, type[VideoSdkError]] = {
    "credentials": CredentialsError,
    "room_creation": RoomCreationError,
    "dispatch": DispatchError,
    "join": JoinError,
    "send": SendError,
    "feed": FeedError,
}


def classify(revision: Revision, *, phase: str, text: str = "", status: int | None = None) -> str:
    """The stable code of a failure: the first row of the revision's table that matches.

    Args:
        revision: whose table.
        phase: when it happened.
        text: the failure's own words.
        status: HTTP status, if there was an answer.

    Raises:
        LookupError: the table does not cover the phase.
    """
    lowered = text.lower()
    for rule in revision.errors.CLASSIFICATION:
        if rule.phases and phase not in rule.phases:
            continue
        if rule.text and not any(fragment in lowered for fragment in rule.text):
            continue
        if rule.http_range and not (
            status is not None and rule.http_range[0] <= status <= rule.http_range[1]
        ):
            continue
        return str(rule.code)
    raise LookupError(f"no row of the classification covers {phase}")


def failure(
    revision: Revision,
    phase: str,
    text: str,
    *,
    kind: str = "protocol",
    status: int | None = None,
    body: str = "",
    requirement: str = "",
) -> VideoSdkError:
    """The exception of a failure, classified by the revision's table."""
    code = classify(revision, phase=phase, text=text, status=status)
    kind_of_error = CredentialsError if _is_local_secret(revision, code) else _BY_PHASE[phase]
    return kind_of_error(
        text,
        code=code,
        phase=phase,
        retry=revision.errors.CODES[code].retry,
        kind=kind,
        http_status=status,
        raw_body=body,
        requirement=requirement,
    )


def _is_local_secret(revision: Revision, code: str) -> bool:
    codes = revision.errors.ErrorCode
    return code in {codes.SIGNER_MISSING, codes.CREDENTIALS_MISSING}
