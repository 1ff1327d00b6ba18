"""What can go wrong on the way to a room and in it, as exceptions with stable codes.

SessionError
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

from protocol_core import classification
from protocol_core.errors import SessionError, UnderstudyError

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


class VideoSdkError(SessionError):
    """An avatar that could not be started, or a channel that failed."""


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
    table = revision.errors.CLASSIFICATION
    return classification.classify(table, phase=phase, text=text, http=status)


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
